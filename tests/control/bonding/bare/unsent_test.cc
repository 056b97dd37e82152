// What cannot leave when it is its turn costs nothing, and keeps its place.
#include <gtest/gtest.h>

#include <vector>

#include "tests/control/bonding/bare/bare_bond.h"

namespace warp::bonding {
namespace {

using config::TunnelMode;

using UnsentTest = BareBondTest;

// A worker is short of buffers for a while: whatever is granted comes back.
TEST_F(UnsentTest, APathThatCouldNotBeUsedIsAsFreeAsBefore) {
  rate_ = 100'000;
  SetPaths(0b01);
  SetFlow(1, {.mode = TunnelMode::kStripe});
  Wait(1, 1000);
  for (int i = 0; i < 100; ++i) {
    const auto grant = bond_.Next(now_);
    ASSERT_TRUE(grant.has_value());
    bond_.NoteUnsent(now_, *grant);
  }
  EXPECT_EQ(bond_.StatusOf(1).bytes, 0u);
  ASSERT_EQ(Run(now_ + Millis(1)).size(), 1u);
  EXPECT_EQ(bond_.StatusOf(1).bytes, 1000u);
}

TEST_F(UnsentTest, ATunnelThatCouldNotLeaveHasItsTurnStill) {
  SetPaths(0b01);
  SetFlow(1, {.mode = TunnelMode::kStripe});
  SetFlow(2, {.mode = TunnelMode::kStripe});
  for (int i = 0; i < 2000; ++i) {
    Wait(1, 1000);
    Wait(2, 1000);
  }
  uint64_t bytes[3] = {};
  for (const Instant end = now_ + Millis(1000); now_ < end; now_ += Millis(1)) {
    while (const auto grant = bond_.Next(now_)) {
      if (grant->flow == 1 && grant->number % 3 != 0 && bytes[1] != 0) {
        bond_.NoteUnsent(now_, *grant);
        const auto next = bond_.Next(now_);
        ASSERT_EQ(next->number, grant->number);
        ASSERT_EQ(next->flow, 1);
        Pay(*next);
      } else {
        Pay(*grant);
      }
      bytes[grant->flow] += grant->size;
    }
  }
  EXPECT_GE(bytes[1], bytes[2] - 3 * kQuantum);
  EXPECT_LE(bytes[1], bytes[2] + 3 * kQuantum);
}

// Its last payload cannot leave: when it can, it is as if it had never been tried.
TEST_F(UnsentTest, TheLastOfATunnelKeepsTheTurnToo) {
  SetPaths(0b01);
  SetFlow(1, {.mode = TunnelMode::kStripe});
  SetFlow(2, {.mode = TunnelMode::kStripe});
  Wait(1, 1000);
  Wait(2, 1000);
  const auto grant = bond_.Next(now_);
  ASSERT_TRUE(grant.has_value());
  bond_.NoteUnsent(now_, *grant);
  EXPECT_EQ(bond_.Next(now_)->number, grant->number);
}

TEST_F(UnsentTest, CopiesAndResendsCountWhenTheyLeave) {
  SetFlow(1, {.mode = TunnelMode::kStripe, .resend = Millis(900)}, 0b01);
  SaveForResends();
  Grant grant;
  ASSERT_EQ(Offer(&grant, 1), Bond::Fate::kGranted);
  const uint64_t lost = Leave(grant);
  ASSERT_EQ(Offer(&grant, 1), Bond::Fate::kGranted);
  const uint64_t newest = Leave(grant);
  now_ += Millis(20);
  Tell(0, newest, {lost});
  for (int i = 0; i < 1000; ++i) {
    const auto again = bond_.Next(now_);
    ASSERT_TRUE(again.has_value() && again->again);
    bond_.NoteUnsent(now_, *again);
  }
  EXPECT_EQ(bond_.StatusOf(1).resent, 0u);
  EXPECT_EQ(bond_.StatusOf(1).extra_bytes, 0u);
  ASSERT_EQ(Run(now_ + Millis(10)).size(), 1u);
  EXPECT_EQ(bond_.StatusOf(1).resent, 1u);
  EXPECT_EQ(bond_.StatusOf(1).extra_bytes, 1000u);
}

// The application was told that the payload is gone: nobody pays for it.
TEST_F(UnsentTest, WhatIsDroppedInsteadCostsNothing) {
  rate_ = 100'000;
  SetPaths(0b01);
  SetFlow(1, {.mode = TunnelMode::kStripe});
  for (int i = 0; i < 100; ++i) Wait(1, 1000);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(bond_.Next(now_).has_value());
  EXPECT_EQ(bond_.StatusOf(1).bytes, 0u);
}

}  // namespace
}  // namespace warp::bonding
