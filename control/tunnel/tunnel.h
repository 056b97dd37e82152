// A tunnel: a gate, and the channel of the same number at the peer. Ties the gate's payloads to the
// sender (out) and the peer's payloads to the gate (in). Control thread only.
#ifndef WARP_CONTROL_TUNNEL_TUNNEL_H_
#define WARP_CONTROL_TUNNEL_TUNNEL_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "control/config/node_config.h"
#include "control/gate/delivery.h"
#include "control/gate/gate.h"
#include "control/loop/loop.h"
#include "control/tunnel/gate_factory.h"
#include "control/tunnel/tunnel_sender.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class Tunnel : public GateSink {
 public:
  // What a tunnel needs of its node.
  struct Surroundings {
    Loop& loop;
    lcore::Dataplane& dataplane;
    Submitter& submitter;
    GateFactory& gates;
  };

  // Opens the gate. `config`, `route` and the surroundings outlive the tunnel. Errors name the
  // tunnel and the address.
  static absl::StatusOr<std::unique_ptr<Tunnel>> Create(const Surroundings& surroundings,
                                                        const config::TunnelConfig& config,
                                                        uint16_t index, const PeerRoute& route);

  // GateSink: out of the application. What finds no room is a drop with a name, but for what the lcores have no time for yet:
  // the gate keeps it.
  size_t OnPayloads(std::span<const wire::Bytes> payloads) override;

  // What became of a packet of ours. What waits for its room goes in the same turn.
  void HandleCompletion(lcore::Completion completion);

  // The peer can be sent to again, or otherwise: sends what waits, if it may.
  void RouteChanged();

  // To the application: leaves with the next FlushGate.
  void Deliver(Delivery payload);
  void FlushGate();

  // Shutdown: what the application sends from now on is not taken; what the gate had taken is, whatever the lcores have to do.
  void CloseGate();

  const config::TunnelConfig& config() const { return config_; }
  const TunnelSender& sender() const { return sender_; }
  GateStatus gate_status() const { return gate_ ? gate_->status() : GateStatus(); }
  const GateCounters& gate_counters() const { return gate_ ? gate_->counters() : closed_; }

 private:
  Tunnel(const Surroundings& surroundings, const config::TunnelConfig& config, uint16_t index,
         const PeerRoute& route);
  void Pump();
  void SetTimer();
  void ResumeGate();

  const config::TunnelConfig& config_;
  Loop& loop_;
  TunnelSender sender_;
  Task pump_soon_;  // in this turn, once for all the completions it brought
  Timer pump_later_;
  std::unique_ptr<Gate> gate_;
  bool gate_waits_ = false;  // it was left payloads
  bool closing_ = false;
  GateCounters closed_;  // what the gate counted
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_TUNNEL_H_
