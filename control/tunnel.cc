#include "control/tunnel.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "control/clock.h"
#include "control/loopback_gate.h"

namespace warp::control {

absl::StatusOr<std::unique_ptr<Tunnel>> Tunnel::Create(const Surroundings& surroundings,
                                                       const config::TunnelConfig& config,
                                                       uint16_t index, const PeerRoute& route) {
  std::unique_ptr<Tunnel> tunnel(new Tunnel(surroundings, config, index, route));
  absl::StatusOr<std::unique_ptr<LoopbackGate>> gate = LoopbackGate::Create(
      surroundings.loop,
      {.listen = config.gate.loopback->listen, .deliver = config.gate.loopback->deliver}, *tunnel);
  if (!gate.ok()) {
    return absl::Status(gate.status().code(),
                        absl::StrCat("tunnel ", config.name, ": ", gate.status().message()));
  }
  tunnel->gate_ = *std::move(gate);
  return tunnel;
}

Tunnel::Tunnel(const Surroundings& surroundings, const config::TunnelConfig& config, uint16_t index,
               const PeerRoute& route)
    : config_(config),
      now_(surroundings.now),
      sender_({.tunnel_index = index,
               .tunnel_id = config.id,
               .deadline = config.deadline,
               .max_waiting = config.queue},
              route, surroundings.dataplane, surroundings.submitter),
      pump_soon_(surroundings.loop, [this] { Pump(); }),
      pump_later_(surroundings.loop, [this] { Pump(); }) {}

size_t Tunnel::OnPayloads(std::span<const wire::Bytes> payloads) {
  for (const wire::Bytes payload : payloads) sender_.Send(now_, payload);
  SetTimer();
  return payloads.size();
}

void Tunnel::HandleCompletion(lcore::Completion completion) {
  sender_.HandleCompletion(now_, std::move(completion));
  if (sender_.waiting() > 0) pump_soon_.Schedule();
  SetTimer();
}

void Tunnel::RouteChanged() {
  if (!sender_.idle()) Pump();
}

void Tunnel::Pump() {
  sender_.Pump(Now());
  SetTimer();
}

// Only ever earlier: a timer that turns out to be early finds nothing to do and sets itself anew,
// which is cheaper than moving it for each payload.
void Tunnel::SetTimer() {
  if (const protocol::Instant next = sender_.NextTimeout(); next < pump_later_.due()) {
    pump_later_.SetAt(next);
  }
}

void Tunnel::Deliver(Delivery payload) {
  if (gate_ != nullptr) gate_->Deliver(std::move(payload));
}

void Tunnel::FlushGate() {
  if (gate_ != nullptr) gate_->Flush();
}

}  // namespace warp::control
