// Which counters are being opened at this moment, so that a second lcore that holds the same one
// can let the first finish (design: opened once, claimed once). A hint: it may forget, never
// blocks, and the window alone decides.
#ifndef WARP_DATAPLANE_WIRE_OPENING_HINTS_H_
#define WARP_DATAPLANE_WIRE_OPENING_HINTS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace warp::wire {

// Any thread. Memory order is relaxed throughout: nothing is published by a hint.
class OpeningHints {
 public:
  // True where nobody is known to open this counter: go ahead, and Clear it after the claim. False:
  // another lcore is at it; look at the window again a loop later, and open it then whatever the
  // hint says.
  bool TryMarkOpening(uint64_t counter) {
    return SlotOf(counter).exchange(MarkOf(counter), std::memory_order_relaxed) != MarkOf(counter);
  }
  // Leaves a mark that another counter has put over ours.
  void ClearOpening(uint64_t counter) {
    uint64_t mark = MarkOf(counter);
    SlotOf(counter).compare_exchange_strong(mark, 0, std::memory_order_relaxed);
  }

 private:
  // A few bursts of several lcores, without neighbours in the way of each other.
  static constexpr size_t kSlots = 256;

  static uint64_t MarkOf(uint64_t counter) { return counter + 1; }  // 0: nobody
  std::atomic<uint64_t>& SlotOf(uint64_t counter) { return slots_[counter % kSlots]; }

  std::array<std::atomic<uint64_t>, kSlots> slots_{};
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_OPENING_HINTS_H_
