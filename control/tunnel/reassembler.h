// Puts fragmented payloads (fragment.h) together again. One per peer; control thread only; no clock.
//
// Fragments take consecutive counters, so (session, tunnel, counter - index) names the payload that a fragment
// belongs to. Fragments come in any order. Those of a sequenced payload say all the same of its place.
//
// A payload of which one link lost a fragment waits for the copy that another link brings. How many wait at once is the
// rate times the difference in delay, which is what the replay window is sized for. So the limits follow the window:
// whatever it would still let in has room here. Where that would be too much memory, the oldest unfinished payload is
// given up for a newer one, because it is the least likely to be completed.
//
// The object owns all of its memory. It comes from the heap as fragments arrive, since no packet path calls this, and
// is given back with each payload that is finished or given up. A payload takes no more than twice what has arrived of
// it, whatever size its first fragment announces.
#ifndef WARP_CONTROL_TUNNEL_REASSEMBLER_H_
#define WARP_CONTROL_TUNNEL_REASSEMBLER_H_

#include <cstddef>
#include <cstdint>
#include <list>
#include <optional>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/constants.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/message.h"

namespace warp::control {

class Reassembler {
 public:
  // These bound the unfinished payloads.
  struct Limits {
    // Their memory: what is reserved for fragments that have arrived, and kEntryCost for each payload.
    size_t max_bytes = 0;
    size_t max_entries = 0;
    int64_t timeout_ns = 0;  // from the first fragment of a payload
  };
  // For a peer whose sessions have a replay window of so many counters.
  static Limits LimitsFor(size_t window);

  // What an unfinished payload takes beside its bytes: its entry, its places in queue and index, and the order of its
  // fragments.
  static constexpr size_t kEntryCost = 512;

  explicit Reassembler(const Limits& limits) : limits_(limits), wanted_(limits) {}
  Reassembler(const Reassembler&) = delete;
  Reassembler& operator=(const Reassembler&) = delete;

  // Narrower ones count as soon as what waits is within them, so that nothing is given up for their sake.
  void SetLimits(const Limits& limits);

  struct Payload {
    uint16_t tunnel_id = 0;
    wire::Flow flow;
    std::vector<uint8_t> bytes;
    std::optional<wire::SequencedHeader> place;  // of a sequenced one
  };
  struct Result {
    std::optional<Payload> payload;  // set where this fragment was the last missing one
    // Why the fragment was dropped, or the whole payload with kReassemblyConflict:
    //   kMalformed           not a fragment, or one whose payload would begin before counter 0
    //   kDuplicate           this index is here already
    //   kReassemblyConflict  count, chunk, flow or place differ from those before: all pieces so far are given up too
    //   kTooLarge            a single payload that would not fit into max_bytes
    std::optional<wire::Drop> drop;
    // How many older payloads were given up, each a drop of its own.
    uint32_t timed_out = 0;  // Drop::kReassemblyTimeout
    uint32_t evicted = 0;    // Drop::kReassemblyFull
  };
  // `session` is any number that differs between the peer's sessions. `plaintext` is an opened and claimed packet
  // of either kind of fragment, with its inner header; it is copied. `now_ns` never goes back.
  Result Add(int64_t now_ns, uint64_t session, uint64_t counter, wire::Bytes plaintext);

  // Gives up payloads that have waited too long. Returns how many: each is a Drop::kReassemblyTimeout.
  uint32_t Expire(int64_t now_ns);
  // When Expire has something to do next; nullopt while nothing waits.
  std::optional<int64_t> NextTimeout() const;

  size_t entries() const { return index_.size(); }
  size_t bytes() const { return bytes_; }

 private:
  struct Key {
    uint64_t session = 0;
    uint64_t first_counter = 0;
    uint16_t tunnel_id = 0;
    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Key& key) {
      return H::combine(std::move(h), key.session, key.first_counter, key.tunnel_id);
    }
  };
  struct Entry {
    Key key;
    int64_t deadline_ns = 0;
    uint8_t count = 0;
    uint16_t chunk = 0;
    wire::Flow flow;
    std::optional<wire::SequencedHeader> place;
    // The fragments as they came: their indices, and their bytes one behind the other.
    std::vector<uint8_t> order;
    std::vector<uint8_t> bytes;
    size_t cost = kEntryCost;  // of max_bytes
  };
  using Queue = std::list<Entry>;  // oldest first

  // A fragment of either kind.
  struct Piece {
    wire::FragmentHeader header;
    std::optional<wire::SequencedHeader> place;
    wire::Bytes bytes;
  };
  static std::optional<Piece> Read(wire::Bytes plaintext);

  Queue::iterator Start(const Key& key, const Piece& piece, int64_t now_ns, Result* result);
  void Reserve(Queue::iterator entry, size_t more, Result* result);
  static std::vector<uint8_t> TakeWhole(Entry& entry);
  void Remove(Queue::iterator entry);

  Limits limits_;
  Limits wanted_;
  Queue queue_;
  absl::flat_hash_map<Key, Queue::iterator> index_;
  size_t bytes_ = 0;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_REASSEMBLER_H_
