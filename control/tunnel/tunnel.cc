#include "control/tunnel/tunnel.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/wire/constants.h"

namespace warp::control {
namespace {

// About as long as a wake-up takes.
constexpr wire::Duration kAhead = std::chrono::microseconds(50);

// A gate that applies back-pressure needs room for every payload that it takes.
size_t MaxWaitingBytes(const config::GateConfig& gate) {
  const size_t usual = TunnelSender::Options().max_waiting_bytes;
  if (!gate.unix_socket.has_value()) return usual;
  return std::max(usual, gate.unix_socket->queue * wire::kMaxPayloadSize);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Tunnel>> Tunnel::Open(const Context& context,
                                                     const config::TunnelConfig& config,
                                                     uint16_t index, const PeerRoute& route,
                                                     PeerBond::Allowed allowed) {
  std::unique_ptr<Tunnel> tunnel(new Tunnel(context, config, index, route, std::move(allowed)));
  absl::StatusOr<std::unique_ptr<Gate>> gate = context.gates.Open(config, *tunnel);
  if (!gate.ok()) {
    return absl::Status(gate.status().code(),
                        absl::StrCat("tunnel ", config.name, ": ", gate.status().message()));
  }
  tunnel->gate_ = *std::move(gate);
  return tunnel;
}

Tunnel::Tunnel(const Context& context, const config::TunnelConfig& config, uint16_t index,
               const PeerRoute& route, PeerBond::Allowed allowed)
    : config_(config),
      route_(route),
      loop_(context.loop),
      sender_({.tunnel_index = index,
               .tunnel_id = config.id,
               .deadline = config.deadline,
               .max_waiting = config.queue,
               .max_waiting_bytes = MaxWaitingBytes(config.gate),
               .room = context.room},
              route, context.dataplane, context.submitter,
              [this](size_t payloads) {
                if (gate_ != nullptr) gate_->OnDone(payloads);
              }),
      pump_soon_(context.loop, [this] { Pump(); }),
      pump_later_(context.loop, [this] { Pump(); }),
      orderer_([this](Delivery&& payload) { Deliver(std::move(payload)); }, context.room),
      release_held_(context.loop, [this] { ReleaseHeld(); }) {
  sender_.SetAllowed(std::move(allowed));
  sender_.SetPolicy(loop_.now(), config.policy);
}

void Tunnel::SetTerms(const Terms& terms) {
  sender_.SetDeadline(loop_.now(), terms.deadline);
  sender_.SetAllowed(terms.allowed);
  sender_.RouteChanged();
  sender_.SetPolicy(loop_.now(), terms.policy);
  pump_soon_.Schedule();
}

size_t Tunnel::OnPayloads(std::span<const wire::Bytes> payloads) {
  size_t taken = 0;
  for (; taken < payloads.size() && (closing_ || !sender_.lcores_behind()); ++taken) {
    sender_.Send(loop_.now(), payloads[taken]);
  }
  gate_waits_ = taken < payloads.size();
  SetTimer();
  return taken;
}

void Tunnel::CloseGate() {
  if (gate_ == nullptr) return;
  closing_ = true;
  orderer_.HandleTimeout(wire::kNever);  // nothing that is missing could be delivered any more
  gate_->Flush();
  gate_->Drain();
  const GateCounters& counters = gate_->counters();
  closed_.from_app = counters.from_app;
  closed_.to_app = counters.to_app;
  closed_.drops.Add(counters.drops);
  gate_.reset();
}

void Tunnel::ResumeGate() {
  if (!gate_waits_ || gate_ == nullptr || sender_.lcores_behind()) return;
  gate_waits_ = false;
  gate_->Resume();
}

void Tunnel::HandleCompletion(lcore::Completion completion) {
  sender_.HandleCompletion(loop_.now(), std::move(completion));
  ResumeGate();
  SetTimer();
}

void Tunnel::RouteChanged() {
  sender_.RouteChanged();
  if (!sender_.idle()) pump_soon_.Schedule();
}

void Tunnel::Pump() {
  sender_.Pump(loop_.now());
  ResumeGate();
  SetTimer();
}

// The timer moves only to earlier times. If it fires too early, Pump finds nothing to do and sets it again, which costs
// less than moving it for each payload. A wake-up takes longer than the send window may err: the window meets the
// ports' pace to within some percent. So the timer fires kAhead before the time, and the tunnel then looks at each
// turn.
void Tunnel::SetTimer() {
  const wire::Instant next = sender_.NextTimeout();
  if (next >= pump_later_.due()) return;
  if (next > loop_.now() + kAhead) {
    pump_later_.SetAt(next - kAhead);
  } else {
    pump_soon_.Schedule();
  }
}

void Tunnel::Deliver(Delivery payload) {
  if (gate_ != nullptr) gate_->Deliver(std::move(payload));
}

wire::Drop Tunnel::DeliverInOrder(const Orderer::Life& life, const wire::Route& path,
                                  const wire::SequencedHeader& header, Delivery payload) {
  const wire::Drop drop = orderer_.Add(loop_.now(), life, path, header, std::move(payload));
  // As above, the timer moves only to earlier times.
  if (orderer_.NextTimeout() < release_held_.due()) release_held_.SetAt(orderer_.NextTimeout());
  return drop;
}

void Tunnel::ReleaseHeld() {
  orderer_.HandleTimeout(loop_.now());
  if (orderer_.NextTimeout() != wire::kNever) release_held_.SetAt(orderer_.NextTimeout());
  FlushGate();
}

void Tunnel::FlushGate() {
  if (gate_ != nullptr) gate_->Flush();
}

}  // namespace warp::control
