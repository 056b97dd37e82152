// Builds the forwarding snapshot for the workers out of sessions and paths (protocol), ports, and next hops (kernel),
// and the routes for the tunnels out of the same facts, so that both always agree. Control thread only.
//
// A node may have a thousand peers with eight paths each, so a snapshot shares with the one before it every peer that
// did not change. Whatever changes marks the peers that it concerns, and each call of Build makes a bounded number of
// them anew. Until its turn comes, within milliseconds, a peer keeps the entry that it had: copies for a port that went
// down are refused there, ports that are gone have no place in the table, and the workers' table leaves out frames with
// another source than their port.
//
// The facts about the peers come some at a time as well. A session that ended may therefore stand in a snapshot a
// little longer; a new one that has its slot takes its place.
#ifndef WARP_CONTROL_LINK_FORWARDING_BUILDER_H_
#define WARP_CONTROL_LINK_FORWARDING_BUILDER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "control/kernel/interface_state.h"
#include "control/kernel/next_hop.h"
#include "control/link/path_slots.h"
#include "control/link/peer_queue.h"
#include "control/protocol/node/node.h"
#include "control/tunnel/route/peer_route.h"
#include "dataplane/facade/port_spec.h"
#include "dataplane/facade/snapshot.h"

namespace warp::control {

// An open port, as forwarding sees it.
struct ForwardingPort {
  lcore::PortInfo info;
  InterfaceState kernel;     // of the kernel's side
  bool worker_alive = true;  // false: its lcore does not answer; its paths are skipped
};

class ForwardingBuilder {
 public:
  // `listen_port` goes into every snapshot.
  ForwardingBuilder(uint16_t listen_port, uint16_t max_ports);

  // Null where the next hop is not known yet.
  using NextHopFunction = absl::FunctionRef<const NextHop*(wire::PortId port, const Flow& flow)>;

  // --- What changed since the last snapshot. ---
  // A port: its state, addresses, MTU, worker.
  void PortsChanged();
  void NextHopChanged(wire::PortId port, const Flow& flow);
  // Asks again for next hops that nobody could give. Call about once a second.
  void RetryNextHops();

  // Peers that one snapshot makes anew, at most.
  static constexpr size_t kPeersPerBuild = 32;

  // Makes the snapshot, and brings the routes up to date with it. `changes` names peers that changed in protocol, be it
  // all or some, and all sessions of maps.
  std::unique_ptr<const lcore::Snapshot> Build(protocol::ForwardingState changes,
                                               const std::map<wire::PortId, ForwardingPort>& ports,
                                               NextHopFunction next_hop);
  // Whether no peer waits for another snapshot.
  bool complete() const { return waiting_.empty(); }
  // The peers that the last snapshot made anew: only their routes may have changed.
  const std::vector<wire::PeerId>& built() const { return built_; }
  uint64_t peers_built() const { return peers_built_; }  // in all

  // A peer's route. It is made on first use and stays where it is.
  PeerRoute& Route(wire::PeerId peer);

  // The counters of a path that is in the last snapshot; null for other paths.
  const lcore::PathCounters* Counters(wire::PathId path) const;

 private:
  struct Peer {
    protocol::ForwardingPeer facts;
    std::shared_ptr<const lcore::PeerEntry> entry = std::make_shared<lcore::PeerEntry>();
    PathSlots slots;
    bool hop_lacks = false;  // nobody could give the next hop of a path; in hop_lacks_
  };
  using Hop = std::pair<wire::PortId, Flow>;
  Hop HopOf(const protocol::PathStatus& path) const {
    return {path.port, {.local = {path.local, listen_port_}, .remote = path.target}};
  }

  void AddSession(const std::shared_ptr<wire::Session>& session, wire::PeerId peer);
  void RemoveSession(const std::shared_ptr<wire::Session>& session);
  void TakeSessions(const protocol::ForwardingState& changes);
  void TakeFacts(protocol::ForwardingPeer facts);
  void BuildPeers(const std::map<wire::PortId, ForwardingPort>& ports, NextHopFunction next_hop);
  lcore::PeerEntry BuildPeer(wire::PeerId id, const std::map<wire::PortId, ForwardingPort>& ports,
                             NextHopFunction next_hop);

  const uint16_t listen_port_;
  const uint16_t max_ports_;
  std::map<wire::PeerId, std::unique_ptr<PeerRoute>> routes_;

  std::vector<Peer> peers_;              // by PeerId
  PeerQueue waiting_;                    // to be made anew
  std::vector<wire::PeerId> hop_lacks_;  // whose next hops are asked for again
  std::vector<wire::PeerId> built_;
  absl::flat_hash_map<Hop, std::vector<wire::PeerId>> hops_;  // whose payloads leave that way
  std::vector<lcore::SessionEntry> sessions_;                 // as in the snapshot
  std::vector<std::shared_ptr<wire::Session>> map_sessions_;
  uint64_t peers_built_ = 0;

  // Counters outlive the snapshots: a path keeps its own from its first snapshot to its last.
  absl::flat_hash_map<wire::PathId, std::shared_ptr<lcore::PathCounters>> counters_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LINK_FORWARDING_BUILDER_H_
