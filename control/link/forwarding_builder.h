// Builds the forwarding snapshot for the workers out of sessions and paths (protocol), ports, and next hops (kernel),
// and the routes for the tunnels out of the same facts, so that both always agree. Control thread only.
#ifndef WARP_CONTROL_LINK_FORWARDING_BUILDER_H_
#define WARP_CONTROL_LINK_FORWARDING_BUILDER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "control/kernel/interface_state.h"
#include "control/kernel/next_hop.h"
#include "control/protocol/node/node.h"
#include "control/tunnel/peer_route.h"
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
  // `guard` and `listen_port` go into every snapshot.
  ForwardingBuilder(const lcore::HandshakeGuard& guard, uint16_t listen_port, uint16_t max_ports);

  // Null where the next hop is not known yet.
  using NextHopFunction =
      absl::FunctionRef<const NextHop*(wire::PortId port, const wire::IpAddress& address)>;

  // Makes the snapshot, and brings the routes up to date with it.
  std::unique_ptr<const lcore::Snapshot> Build(const protocol::ForwardingState& state,
                                               const std::map<wire::PortId, ForwardingPort>& ports,
                                               NextHopFunction next_hop);

  // A peer's route. It is made on first use and stays where it is.
  PeerRoute& Route(wire::PeerId peer);

  // The counters of a path that is in the last snapshot; null for other paths.
  const lcore::PathCounters* Counters(wire::PathId path) const;

 private:
  lcore::PeerEntry BuildPeer(const protocol::ForwardingPeer& peer,
                             const std::map<wire::PortId, ForwardingPort>& ports,
                             NextHopFunction next_hop);

  const lcore::HandshakeGuard guard_;
  const uint16_t listen_port_;
  const uint16_t max_ports_;
  std::map<wire::PeerId, std::unique_ptr<PeerRoute>> routes_;
  // Counters outlive the snapshots: a path keeps its own from its first snapshot to its last.
  absl::flat_hash_map<wire::PathId, std::shared_ptr<lcore::PathCounters>> counters_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LINK_FORWARDING_BUILDER_H_
