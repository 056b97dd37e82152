#include "tools/gauge/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace warp::tools {

void LatencyHistogram::Add(uint64_t nanoseconds) {
  ++buckets_[BucketOf(nanoseconds)];
  ++count_;
  max_ = std::max(max_, nanoseconds);
}

uint64_t LatencyHistogram::Percentile(double percent) const {
  if (count_ == 0) return 0;
  const auto rank = static_cast<uint64_t>(std::ceil(percent / 100 * static_cast<double>(count_)));
  uint64_t seen = 0;
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    seen += buckets_[bucket];
    if (seen >= std::max<uint64_t>(rank, 1)) return std::min(EndOf(bucket), max_);
  }
  return max_;
}

std::vector<std::pair<uint64_t, uint64_t>> LatencyHistogram::Buckets() const {
  std::vector<std::pair<uint64_t, uint64_t>> filled;
  for (size_t bucket = 0; bucket < kBuckets; ++bucket) {
    if (buckets_[bucket] > 0) filled.emplace_back(std::min(EndOf(bucket), max_), buckets_[bucket]);
  }
  return filled;
}

// Below 2^(kSubBits+1) each value has a bucket. Above, the highest bit and the kSubBits behind it choose the bucket.
size_t LatencyHistogram::BucketOf(uint64_t value) {
  const int shift = std::max(0, static_cast<int>(std::bit_width(value)) - kSubBits - 1);
  return (static_cast<size_t>(shift) << kSubBits) + static_cast<size_t>(value >> shift);
}

uint64_t LatencyHistogram::EndOf(size_t bucket) {
  const size_t row = bucket >> kSubBits;
  const size_t shift = row == 0 ? 0 : row - 1;
  const uint64_t top = bucket - (shift << kSubBits);
  return (top << shift) + ((uint64_t{1} << shift) - 1);
}

}  // namespace warp::tools
