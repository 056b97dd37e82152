// Measures how far behind the first copy a duplicate was. The claim of every kSkewSampling-th counter is time-stamped
// in a small table that all workers share, and the worker that receives a later copy reads the stamp. A stamp that was
// overwritten is a sample less.
#ifndef WARP_DATAPLANE_LCORE_PIPELINE_IN_SKEW_TABLE_H_
#define WARP_DATAPLANE_LCORE_PIPELINE_IN_SKEW_TABLE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "dataplane/lcore/constants.h"
#include "dataplane/wire/constants.h"

namespace warp::lcore {

class SkewTable {
 public:
  static bool Samples(uint64_t counter) { return counter % kSkewSampling == 0; }

  // Any thread. The counter was claimed at `cycles` of the time-stamp counter.
  void Stamp(uint32_t session_index, uint64_t counter, uint64_t cycles) {
    Slot& slot = SlotOf(counter);
    slot.key.store(0, std::memory_order_relaxed);
    slot.cycles.store(cycles, std::memory_order_release);
    slot.key.store(KeyOf(session_index, counter), std::memory_order_release);
  }
  // Any thread. Cycles from the claim until `now`; none where the stamp is not there any more.
  std::optional<uint64_t> Lag(uint32_t session_index, uint64_t counter, uint64_t now) const {
    const Slot& slot = SlotOf(counter);
    if (slot.key.load(std::memory_order_acquire) != KeyOf(session_index, counter))
      return std::nullopt;
    const uint64_t then = slot.cycles.load(std::memory_order_relaxed);
    return now > then ? now - then : 0;
  }

 private:
  struct Slot {
    std::atomic<uint64_t> key{0};
    std::atomic<uint64_t> cycles{0};
  };
  // Counters are below 2^36. The lowest bit is free, since sampled counters are even, and tells a key from an empty
  // slot.
  static uint64_t KeyOf(uint32_t session_index, uint64_t counter) {
    return uint64_t{session_index} << 36 | counter | 1;
  }
  static_assert(kSkewSampling % 2 == 0 && wire::kCounterLimit <= uint64_t{1} << 36);
  const Slot& SlotOf(uint64_t counter) const {
    return slots_[counter / kSkewSampling % kSkewSlots];
  }
  Slot& SlotOf(uint64_t counter) { return slots_[counter / kSkewSampling % kSkewSlots]; }

  std::array<Slot, kSkewSlots> slots_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PIPELINE_IN_SKEW_TABLE_H_
