// When a path has died, for those who then expect that others may.
#include <gtest/gtest.h>

#include "tests/control/bonding/bare/bare_bond.h"

namespace warp::bonding {
namespace {

using DeathTest = BareBondTest;

// The cable is pulled: the path is gone before its silence was noticed.
TEST_F(DeathTest, APathThatGoesWithWhatWasUnderWayHasDied) {
  SetFlow(1, {.mode = config::TunnelMode::kStripe}, 0b01);
  Grant grant;
  ASSERT_EQ(Offer(&grant, 1), Bond::Fate::kGranted);
  const uint64_t counter = Leave(grant);
  SetPaths(0b01);
  EXPECT_EQ(bond_.last_death(), Instant{}) << "the other one carried nothing";
  now_ += Millis(30);
  Tell(0, counter);
  SetPaths(0b10);
  EXPECT_EQ(bond_.last_death(), Instant{}) << "all had arrived";
  SetPaths(0b11);
  ASSERT_EQ(Offer(&grant, 1), Bond::Fate::kGranted);
  Leave(grant);
  SetPaths(0b10);
  EXPECT_EQ(bond_.last_death(), now_);
}

// However much waits there: it is put among what waits for the other one.
TEST_F(DeathTest, WhatWaitsForAPathThatGoesKeepsItsOrder) {
  constexpr uint64_t kMany = 60'000;
  rate_ = 100'000'000;
  SetPaths(0b11);
  SetFlow(1, {.mode = config::TunnelMode::kStripe});
  for (uint64_t i = 0; i < kMany; ++i) Wait(1, 100);
  SetPaths(0b10);
  uint64_t next = 0;
  for (const Grant& grant : Run(now_ + Millis(30'000))) {
    EXPECT_EQ(grant.number, next++);
    EXPECT_EQ(grant.paths, 0b10u);
  }
  EXPECT_EQ(next, kMany);
}

}  // namespace
}  // namespace warp::bonding
