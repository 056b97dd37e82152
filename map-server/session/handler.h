// The map without sockets and clock: it takes datagrams and the time, and gives datagrams. Handshakes and sessions are
// those of control/protocol, the rules of the map are Registry's, and here they meet.
//
//   datagram ── initiation ──► Responder ──► cookie; or it waits ──► response
//            ── sealed ──► session by receiver index ──► open ──► confirm, close: the client's sessions
//                                                             ──► map messages ──► Registry ──► sealed answers
//   to a port of the relay ── a bind of a client ──► Relay ──► sealed answer
//                          ── all else ──► Relay ──► as it is, to where the other node is bound
#ifndef WARP_MAP_SERVER_SESSION_HANDLER_H_
#define WARP_MAP_SERVER_SESSION_HANDLER_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "control/protocol/handshake/identity.h"
#include "control/protocol/session/responder.h"
#include "control/protocol/transmit.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/counters.h"
#include "map-server/constants.h"
#include "map-server/registry/registry.h"
#include "map-server/relay/relay.h"
#include "map-server/session/client_table.h"
#include "map-server/session/roll.h"
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

  // The same of one that came to a port of the relay. Where it is to be forwarded as it is, it says where to; the bytes
  // are not changed then. Such a port answers nothing but the binds of clients.
  std::optional<Relay::Target> HandleRelayed(Instant now, uint16_t udp_port,
                                             const wire::Arrival& arrival,
                                             wire::MutableBytes datagram);

  // Sealed messages of sessions that were opened so far.
  uint64_t opened() const { return opened_; }
  // Whose the last of these was.
  const wire::PublicKey& opened_key() const { return opened_key_; }

  // Answers at most so many of the initiations that wait for their Diffie-Hellman. Each takes the time of twenty other
  // messages, so that the sockets are looked at between a few of them. HandleTimeout answers one.
  void AnswerInitiations(Instant now, size_t most);

  Instant NextTimeout() const;
  void HandleTimeout(Instant now);

  // The oldest first. Its `port` is the LocalAddressId.
  std::optional<protocol::Transmit> NextTransmit() { return outbox_.Pop(); }

  // Says goodbye to the clients heard from last, so that they look for a map at once. The others notice that this map
  // is silent.
  void Shutdown(Instant now);

  // --- For the operator. ---

  // From now on, none but the keys that this admits may have sessions and registrations; null: all may. What others
  // have ends in the next turns, and what they say until then is dropped. Nobody is told: to a node that is not
  // admitted, the map is silent.
  void SetAdmission(ClientTable::Admission admission);
  bool purging() const { return !purge_.ended(); }
  // Ends the sessions of a key, its registrations and its allow list. The node is told that the session has ended, so
  // it comes back at once if it may. nullopt where there is nothing of the key.
  struct Forgotten {
    size_t sessions = 0;
    size_t registrations = 0;
  };
  std::optional<Forgotten> Forget(Instant now, const wire::PublicKey& key);
  // Of registrations from their next refresh on.
  void SetLifetime(Duration lifetime) {
    registry_.SetLifetime(lifetime);
    relay_.SetLifetime(lifetime);
  }
  // As Relay::SetTerms. A map relays nothing before this is called.
  void SetRelay(const RelayTerms& terms, uint16_t first_port, uint16_t ports) {
    relay_.SetTerms(terms, first_port, ports);
  }
  // As roll.h has them.
  RollPlace Walk(RollPlace from, size_t most,
                 absl::FunctionRef<void(const wire::PublicKey&)> see) const {
    return map::Walk(clients_, store_, from, most, see);
  }
  std::optional<NodeView> ViewOf(const wire::PublicKey& key) const {
    return map::ViewOf(clients_, store_, key);
  }

  struct Counts {
    uint64_t registrations = 0;
    uint64_t sessions = 0;  // nodes with a session
    uint64_t lookups = 0;
    uint64_t pushes = 0;
    uint64_t newcomers = 0;  // nodes that have not used theirs yet
    // Sessions by state, as MapSession has them, and those that have ended because their time was over.
    uint64_t unconfirmed = 0;
    uint64_t confirmed = 0;
    uint64_t retired = 0;
    uint64_t expired = 0;
    uint64_t forgotten = 0;  // nodes: by Forget, and because they are not admitted any more
    Registry::Answers answers;
    Registry::Refused refused;
    uint64_t refused_sessions = 0;  // for want of room
    uint64_t refused_messages = 0;  // of a node, or a network, that says too much
    uint64_t refused_keys = 0;      // that are not admitted
    Duration lifetime{};
    Relay::Counts relay;
  };
  Counts counts() const;
  uint64_t drops(wire::Drop drop) const;
  // Here the sockets in front of this count what they dropped themselves.
  wire::DropCounters& mutable_drops() { return drops_; }

 private:
  wire::Drop OnSealed(Instant now, const wire::Arrival& arrival, wire::MutableBytes datagram);
  // `udp_port`: of the relay; 0: it came to a port of the map's own.
  wire::Drop OnOpened(Instant now, const wire::Arrival& arrival, const ClientTable::Opened& opened,
                      uint16_t udp_port = 0);
  wire::Drop OnSessionMessage(const wire::Arrival& arrival, const ClientTable::Opened& opened);
  // Takes what the store has answered and seals what that, and all before it, has queued.
  void Finish(Instant now);
  // Looks at a few nodes, and ends what those have that are not admitted any more.
  void Purge();
  void End(const wire::PublicKey& key);

  Store& store_;
  wire::DropCounters drops_;
  protocol::Identity identity_;
  protocol::Responder responder_;
  ClientTable clients_;
  Registry registry_;
  Relay relay_;
  protocol::Outbox outbox_;
  RollPlace purge_{RollPlace::Part::kEnd, 0};  // where it is
  uint64_t opened_ = 0;
  wire::PublicKey opened_key_;
  uint64_t forgotten_ = 0;
  uint64_t refused_messages_ = 0;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SESSION_HANDLER_H_
