// Who may have a stream to the map, and until when: the rules of its TLS connections, without sockets and clock. Each
// has a slot.
//
//              Admit                 NoteAuthentic                  kStreamIdle without another
//   (free) ──────────────► unproven ───────────────► proven ──────────────────────────────► due
//                             │ kStreamProof without one, or it is the oldest where all room is taken: due
#ifndef WARP_MAP_SERVER_STREAM_STREAM_BOOK_H_
#define WARP_MAP_SERVER_STREAM_STREAM_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "control/protocol/token_bucket.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/time.h"
#include "map-server/constants.h"

namespace warp::map {

class StreamBook {
 public:
  struct Limits {
    size_t streams = kMaxStreams;
    size_t of_source = kMaxStreamsOfSource;
    size_t unproven = kMaxUnprovenStreams;
    uint32_t burst = kStreamBurst;
    uint32_t per_second = kStreamsPerSecond;
  };
  explicit StreamBook(const Limits& limits);

  // Whether another connection may be taken from the system now: its handshake is paid for by that.
  bool TakeToken(wire::Instant now) { return tokens_.Take(now); }

  // A place for a connection from this address; `evicted`: whose place it has, and that has to end first. nullopt:
  // there is none, and refused() says why.
  std::optional<size_t> Admit(wire::Instant now, const wire::IpAddress& from,
                              std::optional<size_t>* evicted);
  // A WARP message of the slot's was opened.
  void NoteAuthentic(wire::Instant now, size_t slot);
  void Release(size_t slot);

  // kNever: no slot is in use.
  wire::Instant NextTimeout() const;
  // A slot that has to end now, which the caller releases. Ask again until there is none.
  std::optional<size_t> TakeDue(wire::Instant now);

  bool proven(size_t slot) const { return slots_[slot].proven; }
  size_t size() const { return size_; }
  size_t unproven() const { return unproven_.size(); }

  struct Refused {
    uint64_t source = 0;   // its address has as many as it may
    uint64_t full = 0;     // there are as many as may be
    uint64_t evicted = 0;  // they had proved nothing when others came
  };
  const Refused& refused() const { return refused_; }

 private:
  // An IPv4 address or an IPv6 /64: whoever has one address of the latter has all.
  using Source = std::pair<uint64_t, uint64_t>;
  static Source SourceOf(const wire::IpAddress& address);

  struct Slot {
    bool used = false;
    bool proven = false;
    Source source;
    wire::Instant deadline{};  // by which it is in a set; later ones are looked at then
    wire::Instant idle{};      // while proven
  };
  using Deadlines = std::set<std::pair<wire::Instant, size_t>>;
  Deadlines& SetOf(const Slot& slot) { return slot.proven ? proven_ : unproven_; }

  const Limits limits_;
  protocol::TokenBucket tokens_;
  std::vector<Slot> slots_;
  std::vector<size_t> free_;
  Deadlines unproven_;  // the oldest first
  Deadlines proven_;
  absl::flat_hash_map<Source, size_t> of_source_;
  size_t size_ = 0;
  Refused refused_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_STREAM_STREAM_BOOK_H_
