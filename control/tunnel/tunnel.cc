#include "control/tunnel/tunnel.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "control/gate/tun/packet/packet_mark.h"
#include "dataplane/wire/constants.h"
#include "dataplane/wire/handshake/introduction.h"

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
                                                     PeerBond::Allowed allowed,
                                                     uint32_t first_place,
                                                     uint32_t first_generation) {
  std::unique_ptr<Tunnel> tunnel(
      new Tunnel(context, config, index, route, std::move(allowed), first_place, first_generation));
  absl::StatusOr<std::unique_ptr<Gate>> gate = context.gates.Open(config, *tunnel);
  if (!gate.ok()) {
    return absl::Status(gate.status().code(),
                        absl::StrCat("tunnel ", config.name, ": ", gate.status().message()));
  }
  tunnel->gate_ = *std::move(gate);
  tunnel->TellRoom();
  return tunnel;
}

Tunnel::Tunnel(const Context& context, const config::TunnelConfig& config, uint16_t index,
               const PeerRoute& route, PeerBond::Allowed allowed, uint32_t first_place,
               uint32_t first_generation)
    : config_(config),
      route_(route),
      marks_of_packets_(config.gate.interface() != nullptr &&
                        config.dscp == config::DscpPolicy::kCopy),
      loop_(context.loop),
      sender_({.tunnel_index = index,
               .tunnel_id = config.id,
               .deadline = config.deadline,
               .max_waiting = config.queue,
               .max_waiting_bytes = MaxWaitingBytes(config.gate),
               .flows = config.tells_flows(),
               .room = context.room,
               .first_place = first_place,
               .first_generation = first_generation},
              route, context.dataplane, context.submitter,
              [this](size_t payloads) {
                if (gate_ != nullptr) gate_->OnDone(payloads);
              }),
      pump_soon_(context.loop, [this] { Pump(); }),
      pump_later_(context.loop, [this] { Pump(); }),
      orderer_([this](Delivery&& payload) { Deliver(std::move(payload)); }, context.room),
      release_held_(context.loop, [this] { ReleaseHeld(); }),
      recovery_room_(context.room) {
  sender_.SetAllowed(std::move(allowed));
  sender_.SetPolicy(loop_.now(), config.policy);
}

void Tunnel::SetTerms(const Terms& terms) {
  sender_.SetDeadline(loop_.now(), terms.deadline);
  sender_.SetAllowed(terms.allowed);
  sender_.RouteChanged();
  sender_.SetPolicy(loop_.now(), terms.policy);
  TellRoom();
  pump_soon_.Schedule();
}

size_t Tunnel::Take(std::span<const wire::Bytes> payloads, wire::Flow flow,
                    TunnelSender::Turn turn) {
  size_t taken = 0;
  for (; taken < payloads.size() && (closing_ || !sender_.lcores_behind()); ++taken) {
    from_app_rate_.Note(loop_.now(), payloads[taken].size());
    if (marks_of_packets_) flow.dscp = DscpOf(payloads[taken], config_.gate.tap.has_value());
    sender_.Send(loop_.now(), payloads[taken], flow, turn);
  }
  gate_waits_ = taken < payloads.size();
  SetTimer();
  return taken;
}

void Tunnel::CloseGate() {
  if (gate_ == nullptr) return;
  closing_ = true;
  orderer_.ReleaseAll(loop_.now());  // nothing that is missing could be delivered any more
  gate_->Flush();
  gate_->Drain();
  const GateCounters& counters = gate_->counters();
  closed_.from_app = counters.from_app;
  closed_.to_app = counters.to_app;
  closed_.takeovers = counters.takeovers;
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

// While there are no paths, the measure stays what it was.
void Tunnel::TellRoom() {
  const size_t room = sender_.room_in_one_piece();
  if (gate_ != nullptr && room > 0) gate_->SetRoom(room);
}

// Of two lives, the later one has the sessions that end later.
bool Tunnel::NotePeer(const wire::Session& session) {
  if (!config_.has_flows()) return true;
  const bool same = session.remote_life() == peer_.life;
  if (session.expires() <= peer_until_) return same;
  peer_until_ = session.expires();
  if (!same) EndFlows();
  peer_.has_flows = (session.remote_features() & wire::kFeatureFlows) != 0;
  peer_.life = session.remote_life();
  if (gate_ != nullptr) gate_->SetPeer(peer_);
  return true;
}

// Numbers mean something else from now on. So nothing that has one of before may wait any longer, on either way.
void Tunnel::EndFlows() {
  sender_.EndAnswers();
  orderer_.ReleaseAll(loop_.now());
  FlushGate();
}

void Tunnel::RouteChanged() {
  sender_.RouteChanged();
  TellRoom();
  if (route_.session != nullptr) NotePeer(*route_.session);
  const bool known = peer_until_ > wire::Instant();
  peer_.reached = route_.ready();
  if (gate_ != nullptr && known) gate_->SetPeer(peer_);
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
  if (gate_ == nullptr) return;
  to_app_rate_.Note(loop_.now(), payload.bytes().size());
  gate_->Deliver(std::move(payload));
}

wire::Drop Tunnel::DeliverInOrder(const Orderer::Life& life, const wire::Route& path,
                                  const wire::SequencedHeader& header, Delivery payload) {
  if (recovery_ != nullptr && IsOfLife(life)) {
    recovery_->Note(loop_.now(), header, payload.bytes());
  }
  const wire::Drop drop = orderer_.Add(loop_.now(), life, path, header, std::move(payload));
  // As above, the timer moves only to earlier times.
  if (orderer_.NextTimeout() < release_held_.due()) release_held_.SetAt(orderer_.NextTimeout());
  if (recovery_ != nullptr) DeliverRestored(life, path);
  return drop;
}

// --- Parity. ---

void Tunnel::HandleParity(const Orderer::Life& life, const wire::Route& path,
                          const wire::ParityHeader& header, wire::Bytes symbol) {
  if (recovery_ == nullptr) {
    recovery_ = std::make_unique<parity::Recovery>();
    parity_life_ = life;
  }
  if (!IsOfLife(life)) {
    parity_drops_.Add(wire::Drop::kParityTooFew);
    return;
  }
  recovery_->Add(loop_.now(), header, symbol);
  DeliverRestored(life, path);
}

// With a later life of the sender, sequences begin anew. What is still under way of an earlier one restores nothing.
bool Tunnel::IsOfLife(const Orderer::Life& life) {
  if (life.number != parity_life_.number) {
    if (life.expires < parity_life_.expires) return false;
    recovery_->Clear();
    parity_life_ = life;
  }
  parity_life_.expires = std::max(parity_life_.expires, life.expires);
  return true;
}

// Where too much is kept by all tunnels, this one gives up the oldest of what it keeps more than others.
void Tunnel::CountEnded() {
  recovery_room_.Set(recovery_->memory());
  while (recovery_room_.too_large() && recovery_->GiveUpOldest()) {
    recovery_room_.Set(recovery_->memory());
  }
  const parity::Recovery::Ended ended = recovery_->TakeEnded();
  parity_drops_.Add(wire::Drop::kParityUnused, ended.unused);
  parity_drops_.Add(wire::Drop::kParityTooFew, ended.too_few);
  parity_drops_.Add(wire::Drop::kParityConflict, ended.conflict);
}

void Tunnel::DeliverRestored(const Orderer::Life& life, const wire::Route& path) {
  CountEnded();
  if (!recovery_->restored_any()) return;
  for (parity::Recovery::Payload& one : recovery_->Take()) {
    const wire::Bytes bytes(one.bytes);
    const wire::Drop drop = orderer_.Add(loop_.now(), life, path, one.header,
                                         Delivery(bytes, std::move(one.bytes), one.header.flow));
    if (drop == wire::Drop::kNone) {
      ++recovered_;
    } else {
      parity_drops_.Add(drop);
    }
  }
  if (orderer_.NextTimeout() < release_held_.due()) release_held_.SetAt(orderer_.NextTimeout());
}

void Tunnel::Expire() {
  if (recovery_ == nullptr) return;
  recovery_->Expire(loop_.now());
  CountEnded();
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
