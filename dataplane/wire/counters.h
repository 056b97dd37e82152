// Counters with one writer each, readable from any thread at any time.
#ifndef WARP_DATAPLANE_WIRE_COUNTERS_H_
#define WARP_DATAPLANE_WIRE_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "dataplane/wire/drop.h"

namespace warp::wire {

// A load and a store instead of a locked add, which one writer affords.
class Counter {
 public:
  void Add(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  uint64_t Get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// How many were dropped, by the name of the drop.
class DropCounters {
 public:
  void Add(Drop drop, uint64_t n = 1) { counters_[static_cast<size_t>(drop)].Add(n); }
  void Add(const DropCounters& others) {
    for (size_t i = 0; i < counters_.size(); ++i) counters_[i].Add(others.counters_[i].Get());
  }
  uint64_t Get(Drop drop) const { return counters_[static_cast<size_t>(drop)].Get(); }

 private:
  std::array<Counter, kDropCount> counters_;
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_COUNTERS_H_
