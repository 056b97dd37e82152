// How far behind the first copy the duplicates of a path were, as counts in classes of lags, so that their median is
// known and not only their mean, which a few very late ones decide.
#ifndef WARP_DATAPLANE_FACADE_SKEW_HISTOGRAM_H_
#define WARP_DATAPLANE_FACADE_SKEW_HISTOGRAM_H_

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "dataplane/wire/counters.h"

namespace warp::lcore {

// The classes, two an octave: up to 16.384 us, then up to 1.5 and 2 times as much, and so on up to some two seconds.
// The last one has all that is longer.
inline constexpr size_t kSkewClasses = 36;
using SkewCounts = std::array<uint64_t, kSkewClasses>;

constexpr size_t SkewClassOf(uint64_t ns) {
  constexpr int kShift = 14;
  if (ns < uint64_t{1} << kShift) return 0;
  const int octave = std::bit_width(ns) - 1;
  const size_t half = ns >> (octave - 1) & 1;
  const size_t index = 1 + 2 * static_cast<size_t>(octave - kShift) + half;
  return index < kSkewClasses ? index : kSkewClasses - 1;
}

// Where a class begins, in nanoseconds.
constexpr uint64_t SkewClassBegin(size_t index) {
  if (index == 0) return 0;
  const uint64_t octave = uint64_t{1} << (14 + (index - 1) / 2);
  return (index - 1) % 2 == 0 ? octave : octave + octave / 2;
}

// The median, in nanoseconds, as if the lags of a class lay evenly within it: it is wrong by less than a third. nullopt
// where there are none.
constexpr std::optional<uint64_t> MedianOf(const SkewCounts& counts) {
  uint64_t all = 0;
  for (const uint64_t count : counts) all += count;
  if (all == 0) return std::nullopt;
  uint64_t before = 0;
  size_t index = 0;
  while (2 * (before + counts[index]) < all) before += counts[index++];
  const double into = (static_cast<double>(all) / 2 - static_cast<double>(before)) /
                      static_cast<double>(counts[index]);
  const uint64_t begin = SkewClassBegin(index);
  return begin +
         static_cast<uint64_t>(into * static_cast<double>(SkewClassBegin(index + 1) - begin));
}

// Has one writer, the worker of the path's port. Any thread may read it.
class SkewHistogram {
 public:
  void Add(uint64_t ns) { classes_[SkewClassOf(ns)].Add(); }
  SkewCounts Get() const {
    SkewCounts counts;
    for (size_t i = 0; i < kSkewClasses; ++i) counts[i] = classes_[i].Get();
    return counts;
  }
  uint64_t samples() const {
    uint64_t all = 0;
    for (const wire::Counter& count : classes_) all += count.Get();
    return all;
  }

 private:
  std::array<wire::Counter, kSkewClasses> classes_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_FACADE_SKEW_HISTOGRAM_H_
