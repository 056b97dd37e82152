#include "tools/gauge/latency_histogram.h"

#include <gtest/gtest.h>

namespace warp::tools {
namespace {

TEST(LatencyHistogramTest, IsEmptyAtFirst) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.Percentile(50), 0u);
  EXPECT_EQ(histogram.max(), 0u);
}

TEST(LatencyHistogramTest, IsExactBelow128) {
  LatencyHistogram histogram;
  for (uint64_t i = 1; i <= 100; ++i) histogram.Add(i);
  EXPECT_EQ(histogram.Percentile(50), 50u);
  EXPECT_EQ(histogram.Percentile(99), 99u);
  EXPECT_EQ(histogram.Percentile(100), 100u);
  EXPECT_EQ(histogram.Percentile(0), 1u);
}

// No percentile is above the maximum, so a value that is alone in its bucket is exact. With a larger value beside it,
// it may be off by 1/64.
TEST(LatencyHistogramTest, IsWithinASixtyFourthEverywhere) {
  for (uint64_t value = 1; value < (uint64_t{1} << 62); value = value * 3 + 1) {
    LatencyHistogram alone, pair;
    alone.Add(value);
    EXPECT_EQ(alone.Percentile(50), value);
    pair.Add(value);
    pair.Add(value * 2);
    EXPECT_GE(pair.Percentile(50), value);
    EXPECT_LE(pair.Percentile(50), value + value / 64);
  }
}

TEST(LatencyHistogramTest, ListsItsBuckets) {
  LatencyHistogram histogram;
  for (const uint64_t value : {7, 90, 7, 1000}) histogram.Add(value);
  const std::vector<std::pair<uint64_t, uint64_t>> expected = {{7, 2}, {90, 1}, {1000, 1}};
  EXPECT_EQ(histogram.Buckets(), expected);
}

TEST(LatencyHistogramTest, TakesTheLargestValue) {
  LatencyHistogram histogram;
  histogram.Add(UINT64_MAX);
  histogram.Add(0);
  EXPECT_EQ(histogram.max(), UINT64_MAX);
  EXPECT_EQ(histogram.Percentile(100), UINT64_MAX);
  EXPECT_EQ(histogram.Percentile(50), 0u);
}

}  // namespace
}  // namespace warp::tools
