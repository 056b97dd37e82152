// The map without sockets and clock: datagrams and the time in, datagrams out. Handshakes and sessions are
// control/protocol's, the rules of the map Registry's; here they meet.
//
//   datagram ── initiation ──► Responder ──► response or cookie
//            ── sealed ──► session by receiver index ──► open ──► confirm, close: the client's association
//                                                             ──► map messages ──► Registry ──► sealed for whom they go to
#ifndef WARP_MAP_SERVER_SESSION_HANDLER_H_
#define WARP_MAP_SERVER_SESSION_HANDLER_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "control/protocol/session/identity.h"
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
    Duration rekey_after =
        std::chrono::hours(1);  // asked of nobody: clients' keys die at one and a half times this
    protocol::Timers timers;
    protocol::HandshakeBudget handshakes = {
        .burst = kMapHandshakeBurst,
        .per_second = kMapHandshakesPerSecond,
        .reply_burst = kMapReplyBurst,
        .replies_per_second = kMapRepliesPerSecond,
    };
    uint64_t seed = 0;  // of jitter alone
  };
  // `store` outlives this.
  Handler(Options options, Store& store);

  const wire::PublicKey& public_key() const { return local_.public_key(); }

  // A UDP payload; opened in place. arrival.port is the Via that answers leave from.
  void HandleDatagram(Instant now, const wire::Arrival& arrival, wire::MutableBytes datagram);

  Instant NextTimeout() const;
  void HandleTimeout(Instant now);

  // Oldest first; `port` is the Via.
  std::optional<protocol::Transmit> NextTransmit() { return outbox_.Pop(); }

  // Says goodbye to the clients heard from last, so that they look for a map at once. The rest find out by themselves.
  void Shutdown();

  struct Counts {
    uint64_t registrations = 0;
    uint64_t sessions = 0;  // nodes with a session
    uint64_t lookups = 0;
    uint64_t pushes = 0;
  };
  Counts counts() const;
  uint64_t drops(wire::Drop drop) const;
  // For those in front of this (sockets) to count what never came here.
  wire::DropCounters& mutable_drops() { return drops_; }

 private:
  std::optional<wire::Drop> OnInitiation(Instant now, const wire::Arrival& arrival,
                                         wire::Bytes datagram);
  std::optional<wire::Drop> OnSealed(Instant now, const wire::Arrival& arrival,
                                     wire::MutableBytes datagram);
  std::optional<wire::Drop> OnOpened(Instant now, const wire::Arrival& arrival, Client* client,
                                     const wire::Session* session, uint64_t counter,
                                     wire::Bytes plaintext);
  void SealOutgoing();

  Store& store_;
  wire::DropCounters drops_;
  protocol::Local local_;
  protocol::Responder responder_;
  ClientTable clients_;
  Registry registry_;
  protocol::Outbox outbox_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SESSION_HANDLER_H_
