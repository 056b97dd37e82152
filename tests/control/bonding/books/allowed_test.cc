// The paths that a tunnel may use become others while payloads of it wait.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/control/bonding/bare/bare_bond.h"

namespace warp::bonding {
namespace {

using config::TunnelMode;

class AllowedTest : public BareBondTest {
 protected:
  AllowedTest() {
    rate_ = 1'000'000;
    SetPaths(0b11);
  }
  // The numbers of what leaves within so long of the first tunnel, all of it by this path.
  std::vector<uint64_t> Leaves(Duration time, PathMask by) {
    std::vector<uint64_t> numbers;
    for (const Grant& grant : Run(now_ + time)) {
      if (grant.flow != 1) {
        others_.push_back(grant);
        continue;
      }
      EXPECT_EQ(grant.paths, by);
      numbers.push_back(grant.number);
    }
    return numbers;
  }

  std::vector<Grant> others_;
};

// Its path has no turn to give for long, and gives none to tell them so.
TEST_F(AllowedTest, WhatWaitsForAPathThatMayNotBeUsedAnyMoreGoesByAnotherAtOnce) {
  constexpr PathMask kOld = 0b01, kNew = 0b10;
  SetFlow(1, {.mode = TunnelMode::kStripe}, kOld);
  SetFlow(2, {.mode = TunnelMode::kStripe}, kOld);
  bond_.Charge(now_, kOld, 1'000'000);
  for (int i = 0; i < 40; ++i) Wait(1, 100);
  Wait(2, 100);
  EXPECT_TRUE(Leaves(Millis(10), 0).empty());
  SetFlow(1, {.mode = TunnelMode::kStripe}, kNew);
  const std::vector<uint64_t> moved = Leaves(Millis(50), kNew);
  EXPECT_EQ(moved.size(), 40u);
  EXPECT_TRUE(std::is_sorted(moved.begin(), moved.end()));
  // The other tunnel's waits where it did, and the books of the path are right.
  EXPECT_TRUE(Leaves(Millis(10'000), kNew).empty());
  ASSERT_EQ(others_.size(), 1u);
  EXPECT_EQ(others_[0].number, 40u);
  EXPECT_EQ(others_[0].paths, kOld);
}

TEST_F(AllowedTest, WhatHadNoPathGoesWhenItsTunnelMayUseOne) {
  SetFlow(1, {.mode = TunnelMode::kStripe}, 0b100);
  Grant grant;
  for (int i = 0; i < 3; ++i) ASSERT_EQ(Offer(&grant, 1, 100), Bond::Fate::kQueued);
  EXPECT_TRUE(Leaves(Millis(10), 0).empty());
  SetFlow(1, {.mode = TunnelMode::kStripe}, 0b01);
  EXPECT_EQ(Leaves(Millis(100), 0b01), (std::vector<uint64_t>{0, 1, 2}));
}

}  // namespace
}  // namespace warp::bonding
