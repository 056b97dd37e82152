// The protocol of a whole node: peers, paths, sessions, maps. Sans-IO: control tells it what happened, with the time,
// and pulls what to send and when to call next. One thread.
//
//   received:  handshake messages ──► HandleHandshake
//              opened packets     ──► HandleControl (Kind::kControl) or NoteAuthentic (all others)
//   netlink:   ports              ──► SetPort, RemovePort
//   time:      NextTimeout()      ──► HandleTimeout. It may be due at once, so look after every turn
//
//   and then:  if version() has changed, build and publish snapshots out of GetForwarding(), with some of the
//              ChangedPeers() in each; then send what NextTransmit() gives. A response must not be on the wire before
//              the lcores know its session, so nothing is sent while they do not know a session of any peer, or
//              sessions_version().
//
// No call does much at once, however many peers there are. HandleTimeout makes one initiation at most, because each
// costs Diffie-Hellman work, and serves a bounded number of peers; what is left is due at once again. A change of the
// ports reaches the peers in the same way, some in each turn.
#ifndef WARP_CONTROL_PROTOCOL_NODE_NODE_H_
#define WARP_CONTROL_PROTOCOL_NODE_NODE_H_

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "control/protocol/constants.h"
#include "control/protocol/handshake/identity.h"
#include "control/protocol/handshake/session_table.h"
#include "control/protocol/map/map_driver.h"
#include "control/protocol/node/peer.h"
#include "control/protocol/node/timer_heap.h"
#include "control/protocol/opened_message.h"
#include "control/protocol/path/endpoint_book.h"
#include "control/protocol/path/path.h"
#include "control/protocol/port_state.h"
#include "control/protocol/session/responder.h"
#include "control/protocol/transmit.h"
#include "dataplane/wire/counters.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/drop.h"
#include "dataplane/wire/message.h"
#include "dataplane/wire/session/session.h"

namespace warp::protocol {

using MapId = uint32_t;

struct NodeOptions {
  IdentityOptions identity;
  size_t window = wire::kDefaultWindow;       // of peer sessions
  uint16_t listen_port = wire::kDefaultPort;  // our UDP port on every interface
  bool allow_loopback = false;                // tests: loopback addresses are endpoints like others
  PathTrafficFunction traffic = {};  // empty: the peer's reports do not count, and none are sent
  NewestFunction newest = {};        // empty: no feedback is sent
  FeedbackFunction feedback = {};    // takes the feedback of peers
};

// What forwarding needs to know, as it is now.
struct ForwardingPeer {
  PeerId id = 0;
  std::shared_ptr<wire::Session> send;                  // null: nothing can be sent
  std::vector<std::shared_ptr<wire::Session>> receive;  // every session that may receive
  std::vector<PathStatus> paths;                        // payloads go over those that carry
};
struct ChangedPeer {
  PeerId id = 0;
  bool sessions = false;  // among what changed
};
struct ForwardingState {
  std::vector<ForwardingPeer> peers;
  std::vector<std::shared_ptr<wire::Session>> map_sessions;  // every one that may receive
  // A power of two so large that (index & (session_slots - 1)) tells the local indices of all sessions apart. Every
  // larger power of two does so too.
  size_t session_slots = 0;
  // What the workers tell handshake messages apart by.
  wire::Mac1Keys mac1_keys = {};
  std::shared_ptr<const wire::CookieSecrets> cookies = nullptr;
  std::shared_ptr<const wire::IndexBoard> indices = nullptr;
};

class Node {
 public:
  explicit Node(NodeOptions options);
  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // The newest of our keys, and those of before that serve still.
  const wire::PublicKey& public_key() const { return identity_.public_key(); }
  std::vector<OldKey> OldKeys() const;
  // Both are for those who make a MapDriver.
  Identity& identity() { return identity_; }
  const Identity& identity() const { return identity_; }
  SessionTable& sessions() { return table_; }

  // --- Set-up. ---
  // nullopt where the key is zero, our own or taken.
  std::optional<PeerId> AddPeer(Instant now, PeerOptions options);
  void RemovePeer(Instant now, PeerId peer);  // with a close message
  // --- Keys that change (node_keys.cc). No session ends by these, unless old keys are to serve no time at all. ---
  // Handshakes are made with this key from now on, and one with each peer begins at once. The key of before serves the
  // peers that do not know this one yet, and ends when all do, or when its time is over: then its secret is wiped. What
  // was an old key of a peer's is ours alone from now on.
  void SetKey(Instant now, wire::SecretKey key, Replaced replaced = Replaced::kServes);
  // So long, from when they were replaced, old keys serve: of ours, of peers, and preshared ones.
  void SetOldKeysFor(Instant now, Duration time);
  // The peer has this static key from now on; until it was heard by that, it may have the one of before. False where
  // the key is zero, one of ours that serves, or another peer's newest. What was an old key of another peer's is this
  // one's alone from now on.
  bool SetPeerKey(Instant now, PeerId peer, const wire::PublicKey& key,
                  Replaced replaced = Replaced::kServes);
  // Handshakes with the peer are made with this preshared key from now on, all zero: with none. Until a session is
  // confirmed that was made with it, those of before serve as well.
  void SetPeerPsk(Instant now, PeerId peer, wire::PresharedKey psk,
                  Replaced replaced = Replaced::kServes);

  // What was changed by these is not taken back (Replaced::kMistaken) any more: a key that was one too many is wiped.
  void SettleKeys(Instant now);

  // From now on these timers count, and sessions with peers have this replay window. No session ends by that but by a
  // shorter lifetime, which counts from now: where one was made for another lifetime or with another window, the next
  // one is made at once. The peers follow in the next calls of HandleTimeout.
  void SetTerms(Instant now, const Timers& timers, size_t window);

  // The peer is called so from now on.
  void RenamePeer(PeerId peer, const std::string& name);
  // Replaces what this source (and instance, see EndpointBook::Replace) knew: kMaxEndpoints at most. Endpoints of
  // active paths stay until the path is lost. Multicast, loopback, unspecified and own addresses are refused.
  void SetPeerEndpoints(Instant now, PeerId peer, EndpointSource source,
                        std::span<const wire::Endpoint> endpoints, uint32_t instance = 0);
  // `map` was made with identity() and sessions(). It learns of ports and peers from here on.
  MapId AddMap(Instant now, std::unique_ptr<MapDriver> map);
  // Deregisters and says close, and forgets what the map has told.
  void RemoveMap(Instant now, MapId map);

  // The maps may see the port elsewhere than they did, or hear it again.
  void LookAgain(Instant now, PortId port);

  // Whether payloads to the peer are spread over paths: then our probes ask it for feedback, from now on.
  void SetSpreads(Instant now, PeerId peer, bool spreads);

  // Link and address events, idempotent. A port that goes down loses its paths at once; one that comes up is probed at
  // once. Where there are more than kPeersPerTurn peers, the others follow in the next calls of HandleTimeout.
  void SetPort(Instant now, PortId port, const PortState& state);
  void RemovePort(Instant now, PortId port);
  // A route or an ICMP message says that IP packets of more than `size` bytes do not get from the port, or from some
  // port, to the address. It is not believed, but asked for at once.
  void HintSize(Instant now, std::optional<PortId> port, const wire::IpAddress& remote,
                uint32_t size);

  // --- What arrives. Drops are counted by name. ---
  // Message types 2 to 5. mac1 is verified here too.
  void HandleHandshake(Instant now, const Arrival& arrival, wire::Bytes datagram);
  // A message of Kind::kControl. The node may have forgotten its session meanwhile.
  void HandleControl(Instant now, const OpenedMessage& opened);
  // A packet of any other kind was opened: the peer lives, payloads flow, and a session that it initiated is confirmed.
  // Cheap.
  void NoteAuthentic(Instant now, const wire::Session* session, uint64_t counter);
  // Payloads to the peer were sent. Cheap: once for each burst.
  void NoteSent(Instant now, PeerId peer);

  // --- Time. ---
  Instant NextTimeout() const;
  void HandleTimeout(Instant now);
  // Initiations that all calls of HandleTimeout have made: one each, at most.
  uint64_t initiations() const { return initiations_; }

  // --- What to send, oldest first. ---
  std::optional<Transmit> NextTransmit() { return context_.outbox.Pop(); }
  bool has_transmits() const { return !context_.outbox.empty(); }

  // --- What is. ---
  uint64_t version() const { return context_.version; }  // grows when GetForwarding() changed
  // The version in which sessions were made or ended last.
  uint64_t sessions_version() const { return context_.sessions_version; }
  // The peers that changed after the version `since`, in the order of their ids; 0: all. It looks at two numbers of
  // each peer and no more, while the next call costs microseconds for each peer that it is asked for.
  std::vector<ChangedPeer> ChangedPeers(uint64_t since = 0) const;
  // As it is now. It names only these peers, but all sessions of maps. A peer that was removed has nothing.
  ForwardingState GetForwarding(std::span<const PeerId> peers) const;
  // Names those that changed after the version `since`, however many they are; 0: all.
  ForwardingState GetForwarding(uint64_t since = 0) const;
  // The peer of a session; nullopt for a map's and for one that is gone.
  std::optional<PeerId> PeerOf(const wire::Session* session) const;
  std::vector<PeerStatus> Peers() const;
  // Of these. A peer that was removed is left out.
  std::vector<PeerStatus> Peers(std::span<const PeerId> peers) const;
  std::vector<MapStatus> Maps() const;
  // Whether a peer or a map answers over this port by the prefix of its NAT64. It looks at every path until one does:
  // for about once a second.
  bool HearsByTranslation(PortId port) const;
  uint64_t drops(wire::Drop drop) const {
    return drops_.Get(drop) + (drop == wire::Drop::kTxFull ? context_.outbox.dropped() : 0);
  }
  // The ports as SetPort has told them.
  const Ports& ports() const { return ports_; }
  // All ids of peers are below this.
  size_t peer_ids() const { return peers_.size(); }
  // By which a peer is known; null: there is no such peer. Valid until the next call.
  const AssociationKeys* KeysOf(PeerId peer) const;
  bool draining() const { return draining_; }
  // Initiations whose replies are remembered: at most kMaxRememberedInitiations of each of two kinds.
  size_t remembered_initiations() const { return responder_.remembered(); }

  // Close messages to all peers, deregistration at all maps: send them, then destroy the node. Each call closes
  // kPeersPerTurn peers, so go on with HandleTimeout and NextTransmit until NextTimeout is kNever. From here on the
  // node ignores what it is told.
  void Shutdown(Instant now);

 private:
  // The owner of an association. One of the two is set.
  struct Owner {
    Peer* peer = nullptr;
    MapDriver* map = nullptr;
  };
  struct Map {
    MapId id;
    std::unique_ptr<MapDriver> driver;
    uint64_t seen_version = 0;             // of its association
    std::vector<wire::IpAddress> outside;  // where it sees us
  };

  void Count(wire::Drop drop);  // kNone counts nothing
  Owner OwnerOf(const Association* association) const;
  Association* FindAssociation(const wire::Session* session) const;
  // The arrival as the protocol knows it: an endpoint behind a NAT64 by its IPv4 address.
  Arrival Known(Arrival arrival) const;
  void HandleReply(Instant now, const Arrival& arrival, wire::Bytes datagram,
                   wire::MessageType type);
  wire::Drop HandleMapControl(Instant now, MapDriver& map, const OpenedMessage& opened);
  void PortsChanged(Instant now);
  // Tells the ports to the peers that do not know them yet, within the budget.
  void TellPorts(Instant now);
  // Of all peers the newest, then those of before.
  std::vector<wire::PublicKey> PeerKeys() const;
  wire::Mac1Keys OwnMac1Keys() const;
  // Ends old keys of which nobody has need, or whose time is over.
  void LookAtKeys(Instant now);
  void EndOwnKeys(Instant now);
  // No key is two nodes.
  void SeparateKeys(Instant now);
  // Does something to the association of a peer, or of each, and what follows from it.
  using ChangeFunction = absl::FunctionRef<void(Association&)>;
  void Change(Instant now, Peer& peer, ChangeFunction change);
  void ChangeAll(Instant now, ChangeFunction change);
  // Of a peer: its newest key is another peer's from now on, where it was its own old one. False: it cannot be.
  bool ClaimKey(Instant now, const wire::PublicKey& key, const Peer* owner);
  // Tells the set of peers to the maps where it changed: once, however many changes there were.
  void TellPeers(Instant now);
  void TellRelayWishes(Instant now, MapDriver& map);
  // Has to follow everything that happens to a peer.
  void Watch(const Peer& peer) { timers_.Set(peer.id(), peer.NextTimeout()); }
  void ServeMaps(Instant now);
  void ServePeers(Instant now);
  // Lets the maps do what the peer asks for.
  void AskMaps(Instant now, Peer& peer);
  // Tells the peers at which addresses maps see us, where they have changed.
  void FollowOutside(Instant now);
  void ClosePeers(Instant now);
  // Takes what the maps have found, and notices whether their sessions changed.
  void FollowMaps(Instant now);

  Identity identity_;
  const std::shared_ptr<wire::IndexBoard> indices_ = std::make_shared<wire::IndexBoard>();
  SessionTable table_{wire::IndexBoard::kSlots, indices_};
  Ports ports_;
  Context context_;
  Responder responder_;
  std::vector<std::unique_ptr<Peer>> peers_;                  // by PeerId; null: removed
  absl::flat_hash_map<wire::PublicKey, Peer*> peers_by_key_;  // old keys among them
  Instant next_key_look_ = kNever;  // while there are old keys of ours or of peers
  TimerHeap timers_;                // of the peers, by PeerId
  std::vector<Map> maps_;
  MapId next_map_ = 0;

  // Peers that have not been told the ports: so many, from this one on, in a ring.
  size_t untold_ = 0;
  size_t next_untold_ = 0;
  size_t may_tell_ = kPeersPerTurn;  // before the next HandleTimeout
  bool peers_untold_ = false;        // to the maps
  uint64_t initiations_ = 0;

  absl::flat_hash_map<const Association*, Owner> owners_;
  wire::DropCounters drops_;
  bool draining_ = false;
  size_t unclosed_ = 0;  // while draining: the peers below this id are to be closed yet
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_NODE_NODE_H_
