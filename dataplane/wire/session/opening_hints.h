// Which counters are being opened at this moment. A second worker that holds copies of the same packets lets the first
// finish, so that each is opened once. It is only a hint: it may forget, it never blocks, and the window alone decides.
//
// The hints are words of (block + 1 : 32, bitmap : 32) as in the window, because the counters of a burst are mostly
// neighbours and then cost one compare-and-swap together. A mark is never taken back: once its counter is claimed the
// window says so before anybody asks here, and where the opening failed, the next copy is opened a turn late.
#ifndef WARP_DATAPLANE_WIRE_SESSION_OPENING_HINTS_H_
#define WARP_DATAPLANE_WIRE_SESSION_OPENING_HINTS_H_

#include <array>
#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>

namespace warp::wire {

class OpeningHints {
 public:
  // Any thread; at most 32 counters, each below kCounterLimit. Bit i of the answer is set where nobody was known to
  // open counters[i]; it is marked now. Where it is not set another thread is opening that counter: look at the window
  // again a turn later, and open then, whatever the hint says. Memory order is relaxed, since a hint publishes nothing.
  uint32_t MarkOpening(std::span<const uint64_t> counters) {
    assert(counters.size() <= 32);
    uint32_t ours = 0;
    for (size_t begin = 0; begin < counters.size();) {
      const uint64_t block = counters[begin] / kBlockSize;
      uint32_t wanted = 0;
      size_t end = begin;
      for (; end < counters.size() && counters[end] / kBlockSize == block; ++end) {
        wanted |= BitOf(counters[end]);
      }
      uint32_t free = Take(block, wanted);
      for (; begin < end; ++begin) {
        const uint32_t bit = BitOf(counters[begin]);
        if ((free & bit) != 0) ours |= uint32_t{1} << begin;
        free &= ~bit;
      }
    }
    return ours;
  }

 private:
  static constexpr uint64_t kBlockSize = 32;  // counters
  // 8192 counters, more than several workers hold in their bursts.
  static constexpr size_t kSlots = 256;
  static uint32_t BitOf(uint64_t counter) { return uint32_t{1} << (counter % kBlockSize); }

  // Marks the wanted bits, and returns those that nobody had marked before.
  uint32_t Take(uint64_t block, uint32_t wanted) {
    std::atomic<uint64_t>& slot = slots_[block % kSlots];
    uint64_t old = slot.load(std::memory_order_relaxed);
    for (;;) {
      const uint32_t taken = old >> 32 == block + 1 ? static_cast<uint32_t>(old) : 0;
      if ((wanted & ~taken) == 0) return 0;
      if (slot.compare_exchange_weak(old, (block + 1) << 32 | (taken | wanted),
                                     std::memory_order_relaxed)) {
        return wanted & ~taken;
      }
    }
  }

  std::array<std::atomic<uint64_t>, kSlots> slots_{};
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_SESSION_OPENING_HINTS_H_
