// A tunnel joins a gate here with the tunnel of the same id at the peer: payloads of the gate go to the sender, and
// payloads of the peer go to the gate. Control thread only.
#ifndef WARP_CONTROL_TUNNEL_TUNNEL_H_
#define WARP_CONTROL_TUNNEL_TUNNEL_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "control/bonding/rate_meter.h"
#include "control/config/node_config.h"
#include "control/config/tunnel_policy.h"
#include "control/gate/delivery.h"
#include "control/gate/gate.h"
#include "control/loop/loop.h"
#include "control/parity/recovery.h"
#include "control/tunnel/gate_factory.h"
#include "control/tunnel/orderer.h"
#include "control/tunnel/tunnel_sender.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class Tunnel : public GateSink {
 public:
  // What a tunnel needs of its node. All of it outlives the tunnel.
  struct Context {
    Loop& loop;
    lcore::Dataplane& dataplane;
    Submitter& submitter;
    GateFactory& gates;
    SharedRoom* room =
        nullptr;  // for payloads that are kept; null: without a bound over all tunnels
  };

  // Opens the gate. `route` outlives the tunnel. `first_place` is as TunnelSender::Options has it. Errors name the
  // tunnel and the address.
  static absl::StatusOr<std::unique_ptr<Tunnel>> Open(const Context& context,
                                                      const config::TunnelConfig& config,
                                                      uint16_t index, const PeerRoute& route,
                                                      PeerBond::Allowed allowed = nullptr,
                                                      uint32_t first_place = 0,
                                                      uint32_t first_generation = 0);

  // GateSink: payloads out of the application. A payload that finds no room is a drop with a name, except where the
  // workers are behind: the gate keeps it then.
  size_t OnPayloads(std::span<const wire::Bytes> payloads, wire::Flow flow) override {
    return Take(payloads, flow, TunnelSender::Turn::kInOrder);
  }
  size_t OnInteractive(std::span<const wire::Bytes> payloads) override {
    return Take(payloads, {}, TunnelSender::Turn::kAhead);
  }

  // A report about a packet of this tunnel. A payload that waited for its slot goes in the same turn.
  void HandleCompletion(lcore::Completion completion);

  // The route changed: what waits is sent in the next turn of the loop, as far as it may go then.
  void RouteChanged();

  // What comes next came in a session with this peer, or goes to it. False: the peer has started anew since, and the
  // flows of before mean something else now. Always true where there is one flow.
  bool NotePeer(const wire::Session& session);
  // To the application: leaves with the next FlushGate.
  void Deliver(Delivery payload);
  // The same for a payload that has a place in the tunnel: it may have to wait for earlier ones. See Orderer::Add.
  wire::Drop DeliverInOrder(const Orderer::Life& life, const wire::Route& path,
                            const wire::SequencedHeader& header, Delivery payload);
  // Parity of payloads that have a place. What it restores is delivered as if it had come by this path.
  void HandleParity(const Orderer::Life& life, const wire::Route& path,
                    const wire::ParityHeader& header, wire::Bytes symbol);
  void FlushGate();
  // Gives up what waited too long. Call about once a second.
  void Expire();

  // Shutdown: takes nothing that the application sends from now on. What the gate had taken already is sent, even
  // where the workers are behind.
  void CloseGate();

  // How payloads use the paths of the peer from now on. Nothing that was taken before is dropped, but what waits has no
  // more time than what comes.
  struct Terms {
    config::TunnelPolicy policy;
    wire::Duration deadline{};
    PeerBond::Allowed allowed;  // empty: all paths
  };
  void SetTerms(const Terms& terms);
  // What the file says of it from now on, of which SetTerms has what is in force.
  void SetConfig(const config::TunnelConfig& config) { config_ = config; }
  // From now on the bond says when payloads go, and by which paths. Asked again, it changes nothing.
  void SetBond(PeerBond& bond) { sender_.SetBond(loop_.now(), bond); }

  const config::TunnelConfig& config() const { return config_; }
  const config::TunnelPolicy& policy() const { return sender_.policy(); }
  const PeerRoute& route() const { return route_; }
  // What spreads its payloads; null: they go over all paths.
  const PeerBond* bond() const { return sender_.bond(); }
  uint16_t index() const { return sender_.index(); }
  const TunnelSender& sender() const { return sender_; }
  // Payloads, and gaps before payloads, that were given up because too much was kept.
  uint64_t by_room() const { return sender_.by_room() + orderer_.counters().by_room; }
  const Orderer& orderer() const { return orderer_; }
  // Parities that came and ended without restoring a payload.
  const lcore::DropCounters& parity_drops() const { return parity_drops_; }
  // All that its sender, its gate and its parity have dropped.
  uint64_t drops(wire::Drop drop) const {
    return sender_.drops().Get(drop) + gate_counters().drops.Get(drop) + parity_drops_.Get(drop);
  }
  // Bytes a second that the application sends, and gets, lately.
  bonding::Rate from_app_rate() const { return from_app_rate_.Now(loop_.now()); }
  bonding::Rate to_app_rate() const { return to_app_rate_.Now(loop_.now()); }
  // Payloads that parity brought and nothing else had brought before.
  uint64_t recovered() const { return recovered_; }
  GateStatus gate_status() const { return gate_ ? gate_->status() : GateStatus(); }
  const GateCounters& gate_counters() const { return gate_ ? gate_->counters() : closed_; }

 private:
  Tunnel(const Context& context, const config::TunnelConfig& config, uint16_t index,
         const PeerRoute& route, PeerBond::Allowed allowed, uint32_t first_place,
         uint32_t first_generation);
  size_t Take(std::span<const wire::Bytes> payloads, wire::Flow flow, TunnelSender::Turn turn);
  void Pump();
  void SetTimer();
  void ReleaseHeld();
  void EndFlows();
  bool IsOfLife(const Orderer::Life& life);
  void DeliverRestored(const Orderer::Life& life, const wire::Route& path);
  void CountEnded();
  void ResumeGate();
  void TellRoom();

  config::TunnelConfig config_;
  const PeerRoute& route_;
  const bool marks_of_packets_;  // the DSCP of a payload is that of the packet that it is
  Loop& loop_;
  TunnelSender sender_;
  Task pump_soon_;  // runs once for all the reports of a turn
  Timer pump_later_;
  Orderer orderer_;
  Timer release_held_;
  std::unique_ptr<parity::Recovery> recovery_;  // null: no parity has come
  Orderer::Life parity_life_;                   // that the recovery is of
  SharedRoom::Part recovery_room_;
  lcore::DropCounters parity_drops_;
  uint64_t recovered_ = 0;
  GatePeer peer_;
  wire::Instant peer_until_{};  // the latest end of a session with it
  std::unique_ptr<Gate> gate_;
  bool gate_waits_ = false;  // it keeps payloads that this did not take
  bool closing_ = false;
  bonding::RateMeter from_app_rate_, to_app_rate_;
  GateCounters closed_;  // the gate's, when it was closed
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_TUNNEL_H_
