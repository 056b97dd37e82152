// Times in constant memory. Each bucket spans 1/64 of its value, so that a percentile is right to 1.6 %.
#ifndef WARP_TOOLS_GAUGE_LATENCY_HISTOGRAM_H_
#define WARP_TOOLS_GAUGE_LATENCY_HISTOGRAM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace warp::tools {

class LatencyHistogram {
 public:
  void Add(uint64_t nanoseconds);

  uint64_t count() const { return count_; }
  uint64_t max() const { return max_; }  // exact
  // The smallest time that at least `percent` of all are not above, rounded up to its bucket's end and never above
  // max(). 0 without any.
  uint64_t Percentile(double percent) const;
  // The buckets that hold something, lowest first: the largest time of each, ns, and how many.
  std::vector<std::pair<uint64_t, uint64_t>> Buckets() const;

 private:
  static constexpr int kSubBits = 6;
  static constexpr size_t kBuckets = (64 - kSubBits + 1) << kSubBits;

  static size_t BucketOf(uint64_t value);
  static uint64_t EndOf(size_t bucket);

  std::array<uint64_t, kBuckets> buckets_{};
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_GAUGE_LATENCY_HISTOGRAM_H_
