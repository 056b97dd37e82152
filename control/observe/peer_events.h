// Raises the events of peers and paths: compares what the protocol says of a peer with what it said before. Control
// thread only.
#ifndef WARP_CONTROL_OBSERVE_PEER_EVENTS_H_
#define WARP_CONTROL_OBSERVE_PEER_EVENTS_H_

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "control/event/event_log.h"
#include "control/protocol/node/node.h"

namespace warp::control {

class PeerEvents {
 public:
  using PortNameFunction = absl::FunctionRef<std::string(wire::PortId)>;

  explicit PeerEvents(EventLog& log) : log_(log) {}  // outlives this

  // Raises what differs from the last call that named the peer.
  void Note(const std::vector<protocol::PeerStatus>& peers, PortNameFunction port_name);

  // The peer is removed. What there was of it ends, and is told.
  void Forget(wire::PeerId peer);

  // What a path carries, in bits a second, as far as it was ever full. Called about once a second. A capacity moves all
  // the time: only one that stays away by a quarter for kCapacityLooks calls is an event.
  static constexpr int kCapacityLooks = 10;
  void NoteCapacity(wire::PeerId peer, wire::PathId path, uint64_t capacity);

  size_t connected() const { return connected_count_; }  // peers, as last noted

 private:
  struct Path {
    protocol::PathState state = protocol::PathState::kCandidate;
    std::string port;
    wire::Endpoint remote;
    uint64_t capacity = 0;  // as told last; 0: never
    int away = 0;           // calls in a row in which it was far from that
  };
  // A port of the peer, as a port of ours sees it, in one family of addresses.
  struct Sight {
    wire::PortId port;
    uint16_t remote_port;
    bool v4;
    auto operator<=>(const Sight&) const = default;
  };
  struct Peer {
    std::string name;
    bool connected = false;
    bool relayed = false;         // payloads go through a map's relay
    wire::Instant twins_since{};  // of a peer whose key two nodes use
    absl::flat_hash_map<wire::PathId, Path> paths;
    std::map<Sight, wire::Endpoint> seen_at;
    std::pair<wire::Endpoint, wire::Endpoint> last_move;
  };
  void NoteState(Peer& peer, const protocol::PeerStatus& now);
  void NotePaths(Peer& peer, const protocol::PeerStatus& now, PortNameFunction port_name);
  void NoteRelay(Peer& peer, const protocol::PeerStatus& now, PortNameFunction port_name);
  void NoteMoves(Peer& peer, const protocol::PeerStatus& now, PortNameFunction port_name);

  EventLog& log_;
  absl::flat_hash_map<wire::PeerId, Peer> peers_;
  size_t connected_count_ = 0;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_OBSERVE_PEER_EVENTS_H_
