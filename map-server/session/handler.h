// The map without sockets and clock: it takes datagrams and the time, and gives datagrams. Handshakes and sessions are
// those of control/protocol, the rules of the map are Registry's, and here they meet.
//
//   datagram ── initiation ──► Responder ──► response or cookie
//            ── sealed ──► session by receiver index ──► open ──► confirm, close: the client's sessions
//                                                             ──► map messages ──► Registry ──► sealed answers
#ifndef WARP_MAP_SERVER_SESSION_HANDLER_H_
#define WARP_MAP_SERVER_SESSION_HANDLER_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "control/protocol/handshake/identity.h"
#include "control/protocol/session/responder.h"
#include "control/protocol/transmit.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/counters.h"
#include "map-server/constants.h"
#include "map-server/registry/registry.h"
#include "map-server/session/client_table.h"
#include "map-server/store/store.h"

namespace warp::map {

class Handler {
 public:
  struct Options {
    wire::SecretKey secret_key;
    size_t max_clients = 1'000'000;
    Registry::Options registry;
    // Nodes choose when to rekey. This bounds key lifetime here: 1.5 × rekey_after.
    Duration rekey_after = std::chrono::hours(1);
    protocol::Timers timers;
    protocol::HandshakeBudget handshakes = {
        .burst = kMapHandshakeBurst,
        .per_second = kMapHandshakesPerSecond,
        .reply_burst = kMapReplyBurst,
        .replies_per_second = kMapRepliesPerSecond,
        .of_source = kMapHandshakesOfSource,
    };
    uint64_t seed = 0;  // of jitter alone
  };
  // `store` outlives this.
  Handler(Options options, Store& store);

  const wire::PublicKey& public_key() const { return identity_.public_key(); }

  // A UDP payload, which is opened in place. arrival.port is the LocalAddressId that answers leave from.
  void HandleDatagram(Instant now, const wire::Arrival& arrival, wire::MutableBytes datagram);

  Instant NextTimeout() const;
  void HandleTimeout(Instant now);

  // The oldest first. Its `port` is the LocalAddressId.
  std::optional<protocol::Transmit> NextTransmit() { return outbox_.Pop(); }

  // Says goodbye to the clients heard from last, so that they look for a map at once. The others notice that this map
  // is silent.
  void Shutdown(Instant now);

  struct Counts {
    uint64_t registrations = 0;
    uint64_t sessions = 0;  // nodes with a session
    uint64_t lookups = 0;
    uint64_t pushes = 0;
  };
  Counts counts() const;
  uint64_t drops(wire::Drop drop) const;
  // Here the sockets in front of this count what they dropped themselves.
  wire::DropCounters& mutable_drops() { return drops_; }

 private:
  wire::Drop OnSealed(Instant now, const wire::Arrival& arrival, wire::MutableBytes datagram);
  wire::Drop OnOpened(Instant now, const wire::Arrival& arrival, const ClientTable::Opened& opened);
  wire::Drop OnSessionMessage(const wire::Arrival& arrival, const ClientTable::Opened& opened);
  // Takes what the store has answered and seals what that, and all before it, has queued.
  void Finish(Instant now);

  Store& store_;
  wire::DropCounters drops_;
  protocol::Identity identity_;
  protocol::Responder responder_;
  ClientTable clients_;
  Registry registry_;
  protocol::Outbox outbox_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SESSION_HANDLER_H_
