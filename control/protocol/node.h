// The protocol of a whole node: peers, paths, sessions, maps. Sans-IO: control tells it what
// happened, with the time, and pulls what to send and when to call next. One thread. No socket, no
// clock, no rte type.
//
//   received:  handshake messages ──► HandleHandshake
//              opened packets     ──► HandleControl (Kind::kControl) or NoteAuthentic (all others)
//   netlink:   ports              ──► SetPort, RemovePort
//   timer:     NextTimeout()      ──► HandleTimeout
//   after any of these: if version() changed, build and publish a snapshot from Forwarding(); then
//   send all that NextTransmit() gives. In that order: a response must not be on the wire before
//   the lcores know its session.
#ifndef WARP_CONTROL_PROTOCOL_NODE_H_
#define WARP_CONTROL_PROTOCOL_NODE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "control/protocol/constants.h"
#include "control/protocol/local.h"
#include "control/protocol/map_driver.h"
#include "control/protocol/path.h"
#include "control/protocol/port_state.h"
#include "control/protocol/time.h"
#include "control/protocol/transmit.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/keys.h"
#include "dataplane/wire/session.h"

namespace warp::protocol {

using PeerId = uint32_t;  // from 0, never reused
using MapId = uint32_t;

struct NodeOptions {
  LocalOptions local;
  size_t window = wire::kDefaultWindow;       // of peer sessions
  uint16_t listen_port = wire::kDefaultPort;  // with our addresses: which endpoints are our own
  bool allow_loopback = false;                // tests: loopback addresses are endpoints like others
};

struct PeerOptions {
  std::string name;
  wire::PublicKey public_key;
  wire::PresharedKey psk;
  std::vector<wire::Endpoint> endpoints;  // from config
};

// Where knowledge of an endpoint came from.
enum class EndpointSource : uint8_t { kConfig, kMap, kLearned };

// What forwarding needs, as it is now.
struct ForwardingPeer {
  PeerId id = 0;
  std::shared_ptr<wire::Session> send;                  // null: nothing can be sent
  std::vector<std::shared_ptr<wire::Session>> receive;  // all that may receive
  std::vector<PathStatus> paths;                        // copies go over those that are kActive
};
struct Forwarding {
  std::vector<ForwardingPeer> peers;
  std::vector<std::shared_ptr<wire::Session>> map_sessions;  // all that may receive
  size_t session_slots =
      0;  // a power of two at which all local indices have slots of their own; larger ones do too
};

struct PeerStatus {
  PeerId id = 0;
  std::string name;
  wire::PublicKey public_key;
  bool connected = false;    // a confirmed session, and something authentic within the silence time
  absl::string_view reason;  // of that state, for a human
  Instant since;
  std::shared_ptr<wire::Session> session;  // for sending; null: none
  Instant established;                     // of `session`
  std::vector<PathStatus> paths;
};

class Node {
 public:
  explicit Node(NodeOptions options);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  const wire::PublicKey& public_key() const;
  // For those who make a MapDriver.
  Local& local();

  // --- Set-up ---
  // The key must be new and not our own: otherwise nullopt.
  std::optional<PeerId> AddPeer(Instant now, PeerOptions options);
  void RemovePeer(Instant now, PeerId peer);  // with a close message
  // Replaces what this source knew. At most kMaxEndpoints; those of active paths stay until the
  // path is lost; multicast, loopback, unspecified and own addresses are refused.
  void SetPeerEndpoints(Instant now, PeerId peer, EndpointSource source,
                        std::span<const wire::Endpoint> endpoints);
  MapId AddMap(Instant now, std::unique_ptr<MapDriver> map);

  // Link and address events, idempotent. A port that goes down loses its paths at once; one that
  // comes up is probed at once.
  void SetPort(Instant now, PortId port, const PortState& state);
  void RemovePort(Instant now, PortId port);

  // --- What arrives ---
  // Message types 2, 3 and 4. Drops are counted by name.
  void HandleHandshake(Instant now, const Arrival& arrival, wire::Bytes datagram);
  // An opened packet of Kind::kControl, whole, kind byte included. `session` may be gone: then it
  // is dropped.
  void HandleControl(Instant now, const Arrival& arrival, const wire::Session* session,
                     uint64_t counter, wire::Bytes plaintext);
  // An opened packet of any other kind: liveness, and confirmation of a session that a peer
  // initiated. Cheap.
  void NoteAuthentic(Instant now, const Arrival& arrival, const wire::Session* session);
  // A whole sealed datagram, for those that have no lcore (tests): opens it and does the above.
  // Counts what it drops; payloads and fragments are returned, inside `datagram`.
  std::optional<wire::MutableBytes> HandleSealed(Instant now, const Arrival& arrival,
                                                 wire::MutableBytes datagram);

  // --- Time ---
  Instant NextTimeout() const;
  void HandleTimeout(Instant now);

  // --- What to send, oldest first ---
  std::optional<Transmit> NextTransmit();

  // --- What is ---
  // Grows when Forwarding() changed.
  uint64_t version() const;
  Forwarding GetForwarding() const;
  // The peer of a session; nullopt for a map's and for those that are gone.
  std::optional<PeerId> PeerOf(const wire::Session* session) const;
  std::vector<PeerStatus> Peers() const;
  std::vector<MapStatus> Maps() const;
  uint64_t drops(wire::Drop drop) const;

  // Close messages to all peers, deregistration at all maps; send them (NextTransmit until empty),
  // then destroy the node. From here on it ignores what it is told.
  void Shutdown(Instant now);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_NODE_H_
