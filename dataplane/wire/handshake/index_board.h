// The receiver indices that control has given away: those of sessions, and of handshakes under way. Control writes them
// where every worker can read them, because handshakes begin much more often than forwarding tables are published.
//
// An index is known by its low bits, which no two indices of control share (protocol's SessionTable).
#ifndef WARP_DATAPLANE_WIRE_HANDSHAKE_INDEX_BOARD_H_
#define WARP_DATAPLANE_WIRE_HANDSHAKE_INDEX_BOARD_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace warp::wire {

class IndexBoard {
 public:
  static constexpr size_t kSlots = size_t{1} << 16;

  // --- One thread. ---
  void Add(uint32_t index) { SlotOf(index).store(index, std::memory_order_release); }
  void Remove(uint32_t index) { SlotOf(index).store(0, std::memory_order_release); }

  // --- Any thread. ---
  bool Has(uint32_t index) const {
    return index != 0 && slots_[index % kSlots].load(std::memory_order_acquire) == index;
  }

 private:
  std::atomic<uint32_t>& SlotOf(uint32_t index) { return slots_[index % kSlots]; }

  std::array<std::atomic<uint32_t>, kSlots> slots_{};  // 0: free
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_HANDSHAKE_INDEX_BOARD_H_
