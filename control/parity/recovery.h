// Restores lost payloads of one tunnel from the parity that its sender adds: keeps what came lately, and parities whose
// block is not whole yet.
//
//   payload ─► Note ─┐                          ┌─► Take: restored payloads
//                    ├─► is a block solvable? ──┤
//   parity  ─► Add ──┘                          └─► the parity's end, by name
//
// Payloads are kept only while parity comes, because keeping costs a copy of each. So the blocks of the first parity
// may be lost. Memory is bounded, and the oldest goes first; who owns several may ask for more of it back. Sans-IO,
// control thread only; `now` never falls.
#ifndef WARP_CONTROL_PARITY_RECOVERY_H_
#define WARP_CONTROL_PARITY_RECOVERY_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/btree_map.h"
#include "control/parity/block_decoder.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/message.h"
#include "dataplane/wire/time.h"

namespace warp::parity {

class Recovery {
 public:
  // Payloads that are kept: as many as come within the difference of two paths' delays, on a fast link.
  static constexpr size_t kMostPayloads = 1024;
  // Of payloads, and again of parities.
  static constexpr size_t kMostBytes = size_t{2} << 20;
  static constexpr size_t kMostBlocks = 256;
  // How long parity waits for the rest of its block.
  static constexpr wire::Duration kWait = std::chrono::seconds(1);
  // Without parity for so long, payloads are not kept any more.
  static constexpr wire::Duration kRest = std::chrono::seconds(5);

  // A payload came, in one piece or several. Cheap while no parity comes.
  void Note(wire::Instant now, const wire::SequencedHeader& header, wire::Bytes payload) {
    if (now < until_) Keep(now, header, payload);
  }
  // Parity came. What ends with it, or by its coming, is counted in ended().
  void Add(wire::Instant now, const wire::ParityHeader& header, wire::Bytes symbol);

  struct Payload {
    wire::SequencedHeader header;
    std::vector<uint8_t> bytes;
  };
  // What was restored and not taken yet, oldest first. Note and Add may restore something.
  bool restored_any() const { return !restored_.empty(); }
  std::vector<Payload> Take() { return std::exchange(restored_, {}); }

  // The sender begins anew, and its sequences too.
  void Clear();
  // Ends what has waited for too long. Call about once a second.
  void Expire(wire::Instant now);

  // All that it keeps, in bytes.
  size_t memory() const { return kept_.size() * sizeof(Kept) + kept_bytes_ + parity_bytes_; }
  // Gives up the oldest payload or block. False: there is none.
  bool GiveUpOldest();

  // Parities that ended without restoring anything, by how: unused, too few, conflict; not yet taken by TakeEnded.
  struct Ended {
    uint64_t unused = 0, too_few = 0, conflict = 0;
  };
  Ended TakeEnded() { return std::exchange(ended_, {}); }

  size_t blocks() const { return blocks_.size(); }
  size_t kept_bytes() const { return kept_bytes_; }
  size_t parity_bytes() const { return parity_bytes_; }

 private:
  using Sequence = uint64_t;  // counted on beyond 2^32
  struct Kept {
    Sequence sequence = 0;  // 0: nothing
    wire::Flow flow;
    std::vector<uint8_t> bytes;
  };
  struct Block {
    uint8_t count = 0;
    uint8_t hold = 0;    // of what is restored, as its first parity says
    bool flows = false;  // payloads count with their flows in front of them
    uint16_t tunnel_id = 0;
    wire::Instant until;
    std::vector<Parity> parities;
  };
  using Blocks = absl::btree_map<Sequence, Block>;  // by first

  Sequence Expand(uint32_t sequence) const;
  void Keep(wire::Instant now, const wire::SequencedHeader& header, wire::Bytes payload);
  Kept& SlotOf(Sequence sequence) { return kept_[sequence % kMostPayloads]; }
  void Store(Sequence sequence, const wire::Flow& flow, wire::Bytes payload);
  void Drop(Kept& kept);
  void MoveOldest();
  // Restores what is missing of the block, where that can be done, and then ends it.
  void Try(Blocks::iterator block);
  // Keeps what was restored of it, which is taken. False: it is no payload.
  bool TakeRestored(Sequence sequence, const Block& block, std::vector<uint8_t> bytes);
  Blocks::iterator End(Blocks::iterator block, uint64_t* how);

  wire::Instant until_{};  // payloads are kept until then
  Sequence newest_ = 0;    // of what came, payload or block; 0: nothing yet
  std::vector<Kept> kept_;
  size_t kept_bytes_ = 0;
  Sequence oldest_ = 0;  // none that is kept is older
  Blocks blocks_;
  size_t parity_bytes_ = 0;
  std::vector<Payload> restored_;
  Ended ended_;
};

}  // namespace warp::parity

#endif  // WARP_CONTROL_PARITY_RECOVERY_H_
