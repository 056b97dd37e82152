// The receiver indices of this process. There is one space for the sessions with peers and with maps, and for
// handshakes under way, whose index becomes the session's. An index has its slot in the low bits and random high bits.
//
// The table's size is a power of two, and with any larger power of two every index still has a slot of its own.
// Therefore the table can grow, and a snapshot can use a size of its own.
#ifndef WARP_CONTROL_PROTOCOL_HANDSHAKE_SESSION_TABLE_H_
#define WARP_CONTROL_PROTOCOL_HANDSHAKE_SESSION_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/wire/handshake/index_board.h"

namespace warp::wire {
class Session;
}

namespace warp::protocol {

class Association;

class SessionTable {
 public:
  // `max_slots`: a power of two; Reserve fails when half of it is taken. Where there is a board, the indices stand
  // there too; it has a slot for each.
  explicit SessionTable(size_t max_slots = wire::IndexBoard::kSlots,
                        std::shared_ptr<wire::IndexBoard> board = nullptr);

  // A free slot with random high bits, never 0. nullopt when the table is full.
  std::optional<uint32_t> Reserve(Association* owner);
  void Release(uint32_t index);

  // Who reserved the index; null where nobody did.
  Association* Find(uint32_t index) const;

  size_t slots() const { return slots_.size(); }
  size_t taken() const { return taken_; }

 private:
  struct Slot {
    uint32_t index = 0;
    Association* owner = nullptr;  // null: free
  };
  void Grow();

  const size_t max_slots_;
  const std::shared_ptr<wire::IndexBoard> board_;  // may be null
  std::vector<Slot> slots_;
  size_t taken_ = 0;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_HANDSHAKE_SESSION_TABLE_H_
