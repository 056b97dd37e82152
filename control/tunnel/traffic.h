// The tunnels of a node, and the part of the control thread's turn that moves their payloads: opened packets go from
// the workers to the gates, reports go to the tunnels, and the gates' payloads go to the workers in whole bursts.
// This is the face of the room. Control thread only.
//
//   Receive:  opened packets ─► Inbound ─► gates          (journey in, step 6)
//             completions ─► tunnels                      (journey out, step 6)
//   [the loop's callbacks: applications ─► gates ─► tunnels ─► Submitter]
//   Submit:   Submitter ─► lcores, and wakes those that sleep
#ifndef WARP_CONTROL_TUNNEL_TRAFFIC_H_
#define WARP_CONTROL_TUNNEL_TRAFFIC_H_

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "control/config/node_config.h"
#include "control/config/tunnel_policy.h"
#include "control/loop/loop.h"
#include "control/protocol/feedback.h"
#include "control/tunnel/bond/peer_bond.h"
#include "control/tunnel/gate_factory.h"
#include "control/tunnel/inbound.h"
#include "control/tunnel/pace/shared_room.h"
#include "control/tunnel/route/peer_route.h"
#include "control/tunnel/submitter.h"
#include "control/tunnel/tunnel.h"
#include "dataplane/facade/counters.h"
#include "dataplane/facade/dataplane.h"

namespace warp::control {

class Traffic {
 public:
  // How long the index of a tunnel that has gone stays unused: no payload waits for longer than a minute, nor does
  // anything stay under way for as long.
  static constexpr wire::Duration kIndexRests = std::chrono::minutes(2);
  // All outlive it. `window` is the replay window of peer sessions, in counters.
  Traffic(Loop& loop, lcore::Dataplane& dataplane, protocol::Node& protocol, size_t window,
          wire::Duration index_rests = kIndexRests);

  // Called with a sentence for the log, where something of a gate changes by itself.
  void set_warn(std::function<void(const std::string&)> warn) { gates_.set_warn(std::move(warn)); }

  // Opens the tunnel's gate. `route` outlives this. `allowed` says which paths may carry its payloads; empty: all.
  // `ports` says what the configuration has about a port. A tunnel of this id with this peer that was here before has
  // given out the places below `first_place` (RemoveTunnel). ResourceExhausted where there are as many tunnels as
  // tickets can tell apart, with those that have gone lately.
  absl::Status AddTunnel(const config::TunnelConfig& config, const PeerRoute& route,
                         PeerBond::Allowed allowed = nullptr,
                         PeerBond::PortPolicies ports = nullptr, uint32_t first_place = 0);

  // Changes how the tunnel of this name uses the paths of its peer. NotFound where there is none.
  absl::Status Change(const std::string& tunnel, const Tunnel::Terms& terms);

  // --- The configuration changes while the node runs (control/reload). ---
  // Closes the gate at once. What the tunnel has taken is sent as long as it may wait, for two seconds at most. Returns
  // the first place that it has not given out; nullopt: there is no such tunnel.
  std::optional<uint32_t> RemoveTunnel(wire::PeerId peer, uint16_t id);
  // The tunnel of the same peer and id has this configuration from now on, with the same gate.
  void RetuneTunnel(wire::PeerId peer, const config::TunnelConfig& config,
                    PeerBond::Allowed allowed);
  // Sessions with peers have this replay window from now on.
  void SetWindow(size_t window) { inbound_.SetWindow(window); }
  // The peer is gone, and its tunnels before it: what they have still to send is dropped.
  void RemovePeer(wire::PeerId peer);

  // --- The stages of a turn. Each Receive returns how many items it received. ---
  size_t ReceiveOpened();
  size_t ReceiveCompletions();
  bool Submit();
  // Says whether a worker stands still. What waits for it is then taken back, and goes through another worker.
  void SetSilent(wire::WorkerId worker, bool silent);

  // The routes to these peers changed: what waited for them is sent in the next turn of the loop.
  void RoutesChanged(std::span<const wire::PeerId> peers);

  // Feedback of the peer, about what was sent under this session.
  void HandleFeedback(wire::PeerId peer, const wire::Session* session,
                      const protocol::Feedback& feedback);
  // What spreads the payloads to this peer; null: they go over all paths.
  const PeerBond* BondOf(wire::PeerId peer) const {
    return peer < bonds_.size() ? bonds_[peer].get() : nullptr;
  }

  // Gives up fragments that waited too long, and forgets tunnels that have gone. Call about once a second.
  void Expire();

  // Shutdown: takes nothing more from applications. Idle when every payload taken was sent or dropped.
  void CloseGates();
  bool idle() const;

  const std::vector<std::unique_ptr<Tunnel>>& tunnels() const { return tunnels_; }
  const Inbound& inbound() const { return inbound_; }
  // Of tunnels that have gone, and of those that are going.
  uint64_t gone_drops(wire::Drop drop) const;

 private:
  // A tunnel whose gate is closed, and that still has something to send.
  struct Leaving {
    std::unique_ptr<Tunnel> tunnel;
    wire::Instant until;
  };
  Tunnel* Find(wire::PeerId peer, uint16_t id) const;
  // Ends those that `which` says. What they had still to send is dropped for this reason.
  void Forget(wire::Drop reason, const std::function<bool(const Leaving&)>& which);
  // An index that no tunnel has, the first of those that have rested; nullopt: there is none.
  std::optional<uint16_t> FreeIndex() const;
  void NoteLate(const lcore::Completion& completion);
  // The peer's payloads are spread from now on, where one of its tunnels wants that.
  void UseBond(wire::PeerId peer, const config::TunnelPolicy& policy);
  // Divides what each port with a rate may send among the paths of all bonds that leave by it.
  void DivideRates();

  Loop& loop_;
  lcore::Dataplane& dataplane_;
  protocol::Node& protocol_;
  Submitter submitter_;
  std::vector<bool> taken_back_;  // by worker: what waited when it fell silent
  GateFactory gates_;
  Inbound inbound_;
  SharedRoom room_;
  std::vector<std::unique_ptr<Tunnel>> tunnels_;
  std::vector<Leaving> leaving_;
  lcore::DropCounters gone_drops_;  // of those before them
  // What a ticket's number of a tunnel stands for. Whoever had it before has its reports told apart by generations.
  struct Index {
    Tunnel* tunnel = nullptr;  // null: it has gone
    uint32_t next_generation = 0;
    wire::Instant gone{};
  };
  std::vector<Index> by_index_;
  std::deque<uint16_t> free_indices_;  // the one that has rested longest first
  const wire::Duration index_rests_;
  std::vector<std::vector<Tunnel*>> tunnels_of_;  // by PeerId, with those that leave
  std::vector<std::unique_ptr<PeerBond>> bonds_;  // by PeerId; null: none of its tunnels needs one
  PeerBond::PortPolicies ports_;
  Timer divide_;

  // What a turn receives. The arrays are kept, because making them costs more than an empty turn does.
  std::vector<lcore::OpenedPacket> opened_;
  std::vector<lcore::Completion> completions_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_TRAFFIC_H_
