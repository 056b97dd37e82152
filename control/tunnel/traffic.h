// The payloads' part of a turn of the control thread: what the lcores opened goes to the gates, what
// became of what was sent goes to the tunnels, and what the gates took goes to the lcores in whole
// bursts. Owns the tunnels. Control thread only.
//
//   Receive:  opened packets ─► Inbound ─► gates          (journey in, step 6)
//             completions ─► tunnels                      (journey out, step 6)
//   [the loop's callbacks: applications ─► gates ─► tunnels ─► Submitter]
//   Submit:   Submitter ─► lcores, and wakes those that sleep
#ifndef WARP_CONTROL_TUNNEL_TRAFFIC_H_
#define WARP_CONTROL_TUNNEL_TRAFFIC_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "control/config/node_config.h"
#include "control/loop/loop.h"
#include "control/tunnel/gate_factory.h"
#include "control/tunnel/inbound.h"
#include "control/tunnel/peer_route.h"
#include "control/tunnel/submitter.h"
#include "control/tunnel/tunnel.h"
#include "dataplane/facade/dataplane.h"

namespace warp::control {

class Traffic {
 public:
  // All outlive it.
  Traffic(Loop& loop, lcore::Dataplane& dataplane, protocol::Node& protocol);

  // Opens the tunnel's gate. `config` and `route` outlive this.
  absl::Status AddTunnel(const config::TunnelConfig& config, const PeerRoute& route);

  // Each returns how much it did.
  size_t ReceiveOpened();
  size_t ReceiveCompletions();
  void Submit();

  // Some route did: what waits for it may go.
  void RoutesChanged();

  // About once a second.
  void Sweep() { inbound_.Sweep(loop_.now()); }

  // Shutdown: nothing more is taken from applications; idle when what was taken is gone.
  void CloseGates();
  bool idle() const;

  const std::vector<std::unique_ptr<Tunnel>>& tunnels() const { return tunnels_; }
  const Inbound& inbound() const { return inbound_; }

 private:
  Loop& loop_;
  lcore::Dataplane& dataplane_;
  Submitter submitter_;
  GateFactory gates_;
  Inbound inbound_;
  std::vector<std::unique_ptr<Tunnel>> tunnels_;  // by the high half of their completions' slots

  // What a turn receives. Kept, since making room for a burst costs more than an empty turn does.
  std::vector<lcore::OpenedPacket> opened_;
  std::vector<lcore::Completion> completions_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_TRAFFIC_H_
