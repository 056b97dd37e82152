#include "control/bonding/port_shares.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>
#include <vector>

namespace warp::bonding {
namespace {

constexpr Rate kRate = 1e6;

Rate Sum(const std::vector<Rate>& shares) {
  return std::accumulate(shares.begin(), shares.end(), Rate{0});
}

TEST(PortShares, OnePathHasAll) {
  const PathUse alone{.rate = kRate, .in_use = 1000};
  EXPECT_DOUBLE_EQ(DivideRate({{alone}})[0], kRate);
}

TEST(PortShares, TwoThatWaitHaveAHalfEach) {
  const std::vector<PathUse> paths(2, {.rate = kRate, .in_use = 3 * kRate, .waited = true});
  EXPECT_DOUBLE_EQ(DivideRate(paths)[0], kRate / 2);
  EXPECT_DOUBLE_EQ(DivideRate(paths)[1], kRate / 2);
}

TEST(PortShares, ThoseThatWaitHavePartsByTheirWeight) {
  const std::vector<PathUse> paths{{.rate = kRate, .weight = 1, .in_use = kRate, .waited = true},
                                   {.rate = kRate, .weight = 3, .in_use = kRate, .waited = true},
                                   {.rate = kRate, .weight = 4, .in_use = 0.1 * kRate}};
  const std::vector<Rate> shares = DivideRate(paths);
  EXPECT_DOUBLE_EQ(shares[2], 0.15 * kRate);
  EXPECT_DOUBLE_EQ(shares[0], 0.85 * kRate / 4);
  EXPECT_DOUBLE_EQ(shares[1], 3 * 0.85 * kRate / 4);
}

TEST(PortShares, WhoNeedsLittleLeavesTheRest) {
  const std::vector<PathUse> paths{{.rate = kRate, .in_use = 0.6 * kRate, .waited = true},
                                   {.rate = kRate, .in_use = 0.1 * kRate},
                                   {.rate = kRate}};
  const std::vector<Rate> shares = DivideRate(paths);
  EXPECT_DOUBLE_EQ(shares[0], 0.85 * kRate);
  EXPECT_DOUBLE_EQ(shares[1], 0.15 * kRate);
  // One that is idle can begin, and has its part at the next look.
  EXPECT_GT(shares[2], 0);
  EXPECT_LT(shares[2], 0.05 * kRate);
}

TEST(PortShares, WhereNobodyWaitsAllHaveRoom) {
  const std::vector<PathUse> paths(4, {.rate = kRate});
  for (const Rate share : DivideRate(paths)) EXPECT_DOUBLE_EQ(share, kRate / 4);
}

TEST(PortShares, NeverExceedThePort) {
  std::mt19937 random(1);
  for (int round = 0; round < 2000; ++round) {
    std::vector<PathUse> paths(1 + random() % 40);
    for (PathUse& path : paths) {
      path = {.rate = kRate,
              .weight = 1.0 + random() % 100,
              .in_use = kRate * (random() % 100) / 20,
              .waited = random() % 3 == 0};
    }
    const std::vector<Rate> shares = DivideRate(paths);
    ASSERT_LE(Sum(shares), 1.051 * kRate);
    ASSERT_GE(Sum(shares), 0.999 * kRate);
    for (const Rate share : shares) ASSERT_GT(share, 0);
  }
}

}  // namespace
}  // namespace warp::bonding
