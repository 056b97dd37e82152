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

}  // namespace
}  // namespace warp::bonding
