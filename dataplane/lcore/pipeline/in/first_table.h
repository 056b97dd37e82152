// Remembers which path brought a payload first, and when, so that later copies tell how far behind they are, and
// whether anybody else brought it at all. The claim of every kFirstSampling-th counter is noted in a small table that
// all workers share, and the worker that receives a later copy reads the note. A note that was overwritten is a sample
// less.
//
// A later copy ends before anybody opens it, so that a stranger could invent one. But all copies of a payload are the
// same sealed bytes, and the note has a part of the first one's tag: who has not seen a true copy cannot make another
// that counts, and what counts costs no cryptography.
#ifndef WARP_DATAPLANE_LCORE_PIPELINE_IN_FIRST_TABLE_H_
#define WARP_DATAPLANE_LCORE_PIPELINE_IN_FIRST_TABLE_H_

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>

#include "dataplane/facade/counters.h"
#include "dataplane/lcore/constants.h"
#include "dataplane/wire/constants.h"

namespace warp::lcore {

class FirstTable {
 public:
  static bool Samples(uint64_t counter) { return counter % kFirstSampling == 0; }

  // Who brought a payload first, and which set of its counters (PathCounters::sampled_first) counts it.
  struct First {
    const PathCounters* path = nullptr;
    size_t set = 0;
  };

  // What a copy says of itself.
  struct Copy {
    uint32_t session_index = 0;
    uint64_t counter = 0;
    uint64_t tag = 0;  // its first bytes
  };

  // Any thread. The counter was claimed at `cycles` of the time-stamp counter. The path is null where it is not known,
  // or where the counter is no payload's, of which others are to bring copies.
  void Note(const Copy& copy, uint64_t cycles, const First& first) {
    Slot& slot = SlotOf(copy.counter);
    slot.key.store(0, std::memory_order_relaxed);
    slot.cycles.store(cycles, std::memory_order_release);
    slot.tag.store(copy.tag, std::memory_order_release);
    slot.first.store(Packed(first), std::memory_order_release);
    slot.key.store(KeyOf(copy.session_index, copy.counter), std::memory_order_release);
  }
  // Any thread. Cycles from the claim until `now`; none where the note is not there any more, or is of other bytes.
  std::optional<uint64_t> Lag(const Copy& copy, uint64_t now) const {
    const Slot& slot = SlotOf(copy.counter);
    if (slot.key.load(std::memory_order_acquire) != KeyOf(copy.session_index, copy.counter) ||
        slot.tag.load(std::memory_order_relaxed) != copy.tag)
      return std::nullopt;
    const uint64_t then = slot.cycles.load(std::memory_order_relaxed);
    return now > then ? now - then : 0;
  }
  // Any thread, after Lag found the note. Returns who brought the counter first, to whoever asks first on behalf of
  // another path; else null. The path may be gone by then: the result may be compared, and not looked into.
  First TakeFirst(uint64_t counter, const PathCounters* other) {
    Slot& slot = SlotOf(counter);
    const First first = Unpacked(slot.first.load(std::memory_order_relaxed));
    if (first.path == nullptr || first.path == other) return {};
    return Unpacked(slot.first.exchange(0, std::memory_order_relaxed));
  }

 private:
  struct Slot {
    std::atomic<uint64_t> key{0};
    std::atomic<uint64_t> cycles{0};
    std::atomic<uint64_t> tag{0};
    std::atomic<uintptr_t> first{0};
  };
  // The lowest bit of an address is free for the set.
  static_assert(alignof(PathCounters) >= 2);
  static uintptr_t Packed(const First& first) {
    return reinterpret_cast<uintptr_t>(first.path) | first.set;
  }
  static First Unpacked(uintptr_t packed) {
    return {.path = reinterpret_cast<const PathCounters*>(packed & ~uintptr_t{1}),
            .set = packed & 1};
  }
  // Counters are below 2^36. The lowest bit is free, since sampled counters are even, and tells a key from an empty
  // slot.
  static uint64_t KeyOf(uint32_t session_index, uint64_t counter) {
    return uint64_t{session_index} << 36 | counter | 1;
  }
  static_assert(kFirstSampling % 2 == 0 && wire::kCounterLimit <= uint64_t{1} << 36);
  const Slot& SlotOf(uint64_t counter) const {
    return slots_[counter / kFirstSampling % kFirstSlots];
  }
  Slot& SlotOf(uint64_t counter) { return slots_[counter / kFirstSampling % kFirstSlots]; }

  std::array<Slot, kFirstSlots> slots_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PIPELINE_IN_FIRST_TABLE_H_
