// Who may have a stream to the map, and until when: the rules of its TLS connections, without sockets and clock. Each
// has a slot.
//
//              Admit                 NoteAuthentic                  kStreamIdle without another
//   (free) ──────────────► unproven ───────────────► proven ──────────────────────────────► due
//                             │ kStreamProof without one, or a newcomer needs its place: due
//
// What has proved nothing and what has are two rooms, so that nobody without a key takes the place of one who has it.
// In each, networks (network.h) share: where it is full, the network that has most of it makes room, unless that of the
// newcomer would then have as many. And a key has as many as it may have registrations, so that a single one which is
// lost or lent fills nothing.
#ifndef WARP_MAP_SERVER_STREAM_STREAM_BOOK_H_
#define WARP_MAP_SERVER_STREAM_STREAM_BOOK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "control/protocol/token_bucket.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/time.h"
#include "map-server/constants.h"
#include "map-server/flat/keyed_hash.h"
#include "map-server/network.h"
#include "map-server/registry/fair_queue.h"

namespace warp::map {

class StreamBook {
 public:
  struct Limits {
    size_t streams = kMaxStreams;
    size_t of_source = kMaxStreamsOfSource;
    size_t unproven = kMaxUnprovenStreams;  // of these
    size_t of_key = kMaxStreamsOfKey;
    uint32_t burst = kStreamBurst;  // handshakes of TLS
    uint32_t per_second = kStreamsPerSecond;
    uint32_t accept_burst = kStreamAcceptBurst;
    uint32_t accepted_per_second = kStreamsAcceptedPerSecond;

    // As many as fit into so many descriptors, of which the rest of the map needs some, too.
    static Limits For(size_t descriptors);
  };
  explicit StreamBook(const Limits& limits);

  // Whether another connection may be taken from the system now. That costs little, and only then is it known whose it
  // is: its handshake is what costs.
  bool TakeToken(wire::Instant now) { return tokens_.Take(now); }

  // A slot's handshake has something to do. Networks take turns in that, and the first time a slot has its turn is
  // charged.
  void Queue(size_t slot);
  // Whose turn it is; nullopt: nobody's, or the rate allows none yet, and NextHandshake says when.
  std::optional<size_t> TakeHandshake(wire::Instant now);
  wire::Instant NextHandshake() const { return handshakes_.NextTimeout(); }

  // A place for a connection from this address; `evicted`: whose place it has, and that has to end first. nullopt:
  // there is none, and refused() says why.
  std::optional<size_t> Admit(wire::Instant now, const wire::IpAddress& from,
                              std::optional<size_t>* evicted);
  // A WARP message of this key came by the slot and was opened. Returns the slot that has to end for that, which may be
  // this one, and which the caller releases.
  std::optional<size_t> NoteAuthentic(wire::Instant now, size_t slot, const wire::PublicKey& key);
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
    uint64_t full = 0;     // there are as many as may be, and its network has as many as any
    uint64_t evicted = 0;  // they made room for others
    uint64_t key = 0;      // their key had others since
  };
  const Refused& refused() const { return refused_; }

 private:
  // An IPv4 address or an IPv6 /64: whoever has one address of the latter has all.
  struct Source {
    uint64_t first = 0;
    uint64_t second = 0;
    friend bool operator==(const Source&, const Source&) = default;
  };
  static Source SourceOf(const wire::IpAddress& address);

  struct Slot {
    bool used = false;
    bool proven = false;
    bool queued = false;   // is in handshakes_
    bool charged = false;  // its handshake is paid for
    uint64_t number = 0;   // of the connection, ever
    Source source;
    Network network = 0;
    wire::PublicKey key;       // while proven
    wire::Instant deadline{};  // by which it is in a set; later ones are looked at then
    wire::Instant idle{};      // while proven
  };
  using Deadlines = std::set<std::pair<wire::Instant, size_t>>;
  using Slots = std::set<std::pair<uint64_t, size_t>>;  // by number: the oldest first

  // Slots of one kind, and who has them.
  class Room {
   public:
    void Add(Network network, uint64_t number, size_t slot);
    void Remove(Network network, uint64_t number, size_t slot);
    size_t size() const { return size_; }
    // The one that goes for one more of `newcomer`, out of the network that has most: its oldest or its newest.
    // nullopt where the newcomer's network would then have as many.
    std::optional<size_t> Victim(Network newcomer, bool oldest) const;
    // The oldest of this network.
    std::optional<size_t> Oldest(Network network) const;

   private:
    KeyedMap<Network, Slots> of_network_;
    std::set<std::pair<size_t, Network>> by_size_;
    size_t size_ = 0;
  };
  Deadlines& SetOf(const Slot& slot) { return slot.proven ? proven_ : unproven_; }
  Room& RoomOf(const Slot& slot) { return slot.proven ? nodes_ : strangers_; }
  std::optional<size_t> OldestStrangerOf(const Slots& slots) const;
  // Which of those that have proved nothing goes for one more of this network.
  size_t StrangerToGo(Network newcomer) const;
  void Enter(size_t slot);  // the set and the room that it belongs to now
  void Leave(size_t slot);

  struct Handshake {
    size_t slot = 0;
    uint64_t number = 0;  // another one may have the slot by then
    Links turn;
  };

  const Limits limits_;
  protocol::TokenBucket tokens_;
  Slab<Handshake> waiting_;
  FairQueue<Handshake, &Handshake::turn> handshakes_;
  std::vector<Slot> slots_;
  std::vector<size_t> free_;
  Deadlines unproven_;  // the oldest first
  Deadlines proven_;
  Room strangers_;
  Room nodes_;
  KeyedMap<Source, Slots> of_source_;
  KeyedMap<wire::PublicKey, Slots> of_key_;
  size_t size_ = 0;
  uint64_t next_number_ = 0;
  Refused refused_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_STREAM_STREAM_BOOK_H_
