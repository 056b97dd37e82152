#include "control/protocol/node/peer.h"

#include <algorithm>
#include <cassert>

#include "control/protocol/session/association_messages.h"

namespace warp::protocol {

Peer::Peer(Instant now, Context& context, PeerId id, PeerOptions options)
    : context_(context),
      id_(id),
      name_(std::move(options.name)),
      association_(context.identity, context.table,
                   PeerAssociation(context.identity.timers(), options.public_key,
                                   std::move(options.psk), context.window)),
      relay_wish_(now),
      unanswered_(context.unanswered),
      tuning_(context.tuning),
      probe_interval_(context.identity.timers().probe_interval),
      arrivals_(context.traffic),
      feedback_(context.newest),
      share_(context.sharers),
      since_(now) {
  SetEndpoints(now, EndpointSource::kConfig, 0, options.endpoints);
  next_election_ = relay_wish_.next();
  association_.Connect(now);
}

// --- Endpoints and ports. ---

void Peer::SetEndpoints(Instant now, EndpointSource source, uint64_t instance,
                        std::span<const wire::Endpoint> endpoints) {
  std::vector<wire::Endpoint> acceptable;
  for (const wire::Endpoint& endpoint : endpoints) {
    if (AcceptableEndpoint(endpoint, context_.allow_loopback) && !IsOwn(endpoint))
      acceptable.push_back(endpoint);
  }
  book_.Replace(now, source, instance, acceptable,
                [this](const wire::Endpoint& endpoint) { return paths_.IsActive(endpoint); });
  Reconcile(now);
}

void Peer::PortsChanged(Instant now) {
  SayLast(now);
  Reconcile(now);
}

bool Peer::IsOwn(const wire::Endpoint& endpoint) const {
  return IsOwnEndpoint(context_.ports, context_.listen_port, endpoint);
}

void Peer::Reconcile(Instant now) {
  next_timeout_.reset();
  std::vector<EndpointBook::Known> endpoints = book_.All();
  std::erase_if(endpoints,
                [this](const EndpointBook::Known& known) { return IsOwn(known.endpoint); });
  std::vector<PortId> down = paths_.ActivePorts();
  const bool changed = paths_.Reconcile(now, context_.ports, endpoints, &context_.next_path_id);
  if (!paths_.SetOutside(now, context_.outside) && !changed) return;
  std::erase_if(down, [this](PortId port) { return paths_.AnyUsable(port); });
  if (!down.empty()) SayDown(now, std::move(down));
  Changed();
  for (Path& path : paths_.paths()) SetInUse(now, path);
  Elect(now);
  // Nobody can answer while no port reaches anything.
  if (std::none_of(paths_.paths().begin(), paths_.paths().end(),
                   [](const Path& path) { return path.usable(); })) {
    association_.NoteAsked(now, Duration::zero());
  }
  association_.Hurry(now);
}

std::vector<Way> Peer::Ways(Instant now) {
  for (Path& path : paths_.paths()) path.NoteTraffic(now);
  return paths_.AllWays([&] { return MaySend(now, UnansweredBudget::Use::kContact); });
}

bool Peer::MaySend(Instant now, UnansweredBudget::Use use) {
  const bool heard = now - association_.last_heard() < context_.identity.timers().session_silence;
  return unanswered_.Take(now, use, heard);
}

// --- The session. ---

void Peer::AssociationChanged(Instant now) { Sync(now, "no session"); }

void Peer::NoteAuthentic(Instant now, const wire::Session* session, uint64_t counter) {
  const bool confirmed = association_.NoteAuthentic(now, session, counter);
  if (!confirmed && connected_) return;
  if (confirmed) {
    // The peer may have been restarted: every path has to answer anew, and soon.
    arrivals_.BeginSession(now);
    for (Path& path : paths_.paths()) {
      path.BeginSession();
      path.Wake(now);
    }
  }
  Sync(now, "no session");
}

// Follows the association: paths live only with a session.
void Peer::Sync(Instant now, absl::string_view why_disconnected) {
  next_timeout_.reset();
  if (seen_version_ != association_.version()) {
    seen_version_ = association_.version();
    Changed();
    if (const auto& session = association_.send_session()) limits_.SetLife(session->remote_life());
    context_.sessions_version = context_.sessions_changed[id_] = context_.version;
  }
  const bool has_session = association_.send_session() != nullptr;
  if (had_session_ && !has_session) {
    for (Path& path : paths_.paths()) path.Disconnect(now, why_disconnected);
    room_freed_ = true;
    Elect(now);
  }
  had_session_ = has_session;
  if (!has_session) {
    if (connected_) SetConnected(now, false, why_disconnected);
  } else if (now < association_.silent_at()) {
    SetConnected(now, true, "session confirmed");
  } else {
    SetConnected(now, false, "nothing heard");
  }
  assert(has_session || (!connected_ && !paths_.any_active()));
}

void Peer::SetConnected(Instant now, bool connected, absl::string_view reason) {
  if (connected == connected_) return;
  connected_ = connected;
  reason_ = reason;
  since_ = now;
  look_up_again_ = !connected;
  Changed();
}

// --- Control messages. ---

wire::Drop Peer::HandleControl(Instant now, const OpenedMessage& opened) {
  assert(association_.send_session() != nullptr);  // NoteAuthentic came first
  const auto decoded = DecodeControlMessage(opened.plaintext);
  if (const auto* drop = std::get_if<wire::Drop>(&decoded)) return *drop;
  const auto& message = std::get<ControlMessage>(decoded);
  next_timeout_.reset();
  if (twins_.Note(now, association_.SessionOrder(opened.session), opened.arrival.from.address))
    Changed();
  if (Path* path = paths_.Find(opened.arrival.route())) {
    path->CountControl();
    path->NoteTraffic(now);
    if (IsCurrent(opened.session) && path->NoteLocal(ChosenLocal(context_.ports, opened.arrival)))
      Changed();
  }
  const bool asks =
      std::holds_alternative<Probe>(message) || std::holds_alternative<Confirm>(message);
  if (asks && context_.outbox.crowded()) return wire::Drop::kTxFull;
  if (const auto* probe = std::get_if<Probe>(&message)) {
    HandleProbe(now, opened, *probe);
  } else if (const auto* answer = std::get_if<Answer>(&message)) {
    HandleAnswer(now, opened, *answer);
  } else if (const auto* report = std::get_if<Report>(&message)) {
    if (IsCurrent(opened.session)) {
      arrivals_.HandleReport(now, context_.identity.timers(), *report, OrderOf(opened), paths_);
      Elect(now);
    }
  } else if (const auto* feedback = std::get_if<Feedback>(&message)) {
    // Who sent the payloads knows whether the session that it speaks of still matters.
    if (context_.feedback) {
      context_.feedback(now, id_, opened.session, opened.counter, *feedback);
    }
  } else if (const auto* limits = std::get_if<Limits>(&message)) {
    if (IsCurrent(opened.session) &&
        limits_.Handle(now, *limits, opened.session->remote_life(), OrderOf(opened)))
      Changed();
  } else if (const auto* down = std::get_if<PortsDown>(&message)) {
    if (IsCurrent(opened.session)) HandlePortsDown(now, *down, OrderOf(opened));
  } else {
    HandleAssociationMessage(now, opened, message, association_, context_.outbox);
    if (std::holds_alternative<Close>(message)) Sync(now, "peer closed");
  }
  return wire::Drop::kNone;
}

void Peer::HandleProbe(Instant now, const OpenedMessage& opened, const Probe& probe) {
  feedback_.NoteProbe(now, {association_.SessionOrder(opened.session), probe.number}, probe.spreads,
                      opened.session == association_.send_session().get());
  const Arrival& arrival = opened.arrival;
  const Route back = arrival.route();
  // An answer would keep the path alive to a port that is silent, even over another one.
  if (UseOf(arrival.port) != PortUse::kNone) AnswerProbe(now, arrival, probe);

  const bool newest = IsCurrent(opened.session) &&
                      newest_probes_.Note(now, association_.SessionOrder(opened.session), probe);
  if (newest && AcceptableEndpoint(arrival.from, context_.allow_loopback) &&
      !IsOwnEndpoint(context_.ports, context_.listen_port, arrival.from, arrival.port)) {
    const auto use = [this](const wire::Endpoint& endpoint) {
      return paths_.Carries(endpoint)    ? EndpointBook::Use::kCarries
             : paths_.IsActive(endpoint) ? EndpointBook::Use::kActive
                                         : EndpointBook::Use::kIdle;
    };
    const wire::IpAddress local = ChosenLocal(context_.ports, arrival);
    if (book_.Learn(now, back, local, probe.port, use)) {
      learned_ = back;
      Reconcile(now);
    }
  }
  Path* path = paths_.Find(back);
  if (path != nullptr) path->NoteProbe(probe.port);
  TakeUses(now);
  if (path == nullptr) return;
  path->NotePadding(now, probe.padding);
  if (path->remote_port() == probe.port) path->proof().Note(OrderOf(opened));
  if (IsCurrent(opened.session))
    path->HearSilence(now, context_.identity.timers(), probe, LeadsSilence());
  // Both directions recover together.
  if (!path->active()) path->Wake(now);
}

void Peer::AnswerProbe(Instant now, const Arrival& arrival, const Probe& probe) {
  const Route back = arrival.route();
  const std::vector<uint8_t> answer =
      EncodeControlMessage(Answer{.port = arrival.port, .challenge = probe.challenge});
  if (paths_.Find(back) != nullptr) {
    association_.Send(now, {back, arrival.to}, answer, context_.outbox);
  } else {
    association_.Answer(now, arrival, answer, context_.outbox);
  }
  if (probe.unheard) {
    // The path may work in one direction only. Each copy is sealed separately, so that none is a duplicate.
    for (const Way& other : paths_.BestWays(now, kMaxAnswerPaths + 1, back.port)) {
      if (other.route != back) association_.Send(now, other, answer, context_.outbox);
    }
  }
}

// Not of a session before the one in use, perhaps one of the peer's life before: somebody may have held it back.
bool Peer::IsCurrent(const wire::Session* session) const {
  return association_.SessionOrder(session) >=
         association_.SessionOrder(association_.send_session().get());
}

void Peer::HandleAnswer(Instant now, const OpenedMessage& opened, const Answer& answer) {
  bool changed = false;
  for (Path& path : paths_.paths()) {
    const bool was_active = path.active();
    changed |= path.HandleAnswer(now, context_.identity.timers(), answer, opened.arrival.route());
    if (path.remote_port() == answer.port) path.proof().Note(OrderOf(opened));
    if (!was_active && path.active()) SetInUse(now, path);
  }
  if (!changed) return;
  TakeUses(now);  // it may lead to another port than was thought
  Changed();
  Elect(now);
}

bool Peer::HintSize(Instant now, std::optional<PortId> port, const wire::IpAddress& remote,
                    uint32_t size) {
  const bool found = paths_.HintSize(now, port, remote, size);
  if (found) next_timeout_.reset();
  return found;
}

void Peer::Elect(Instant now) {
  if (paths_.Elect(now)) {
    Changed();
    room_freed_ = true;
  }
  relay_wish_.Note(now, paths_.WorksDirectly(now));
  next_election_ = std::min(paths_.NextElection(now), relay_wish_.next());
  next_timeout_.reset();
}

void Peer::Shutdown(Instant now) {
  association_.Close(now, Ways(now), context_.outbox);
  Sync(now, "closed");
}

// --- Time. ---

Instant Peer::NextTimeout() const {
  if (tuning_ != context_.tuning) return Instant{};  // at once
  if (next_timeout_) return *next_timeout_;
  const Timers& timers = context_.identity.timers();
  Instant next = std::min(association_.NextTimeout(), book_.NextExpiry(timers.learned_lifetime));
  if (association_.send_session() != nullptr) {
    for (const Path& path : paths_.paths()) next = std::min(next, path.next_timeout());
  }
  if (connected_) next = std::min(next, association_.silent_at());
  next = std::min({next, next_report_, feedback_.next(), next_election_});
  next_timeout_ = next;
  return next;
}

void Peer::HandleTimeout(Instant now) {
  next_timeout_.reset();
  Retune(now);
  association_.HandleTimeout(
      now, [&] { return Ways(now); }, context_.outbox);
  Sync(now, "keys expired");
  const bool changed = paths_.HandleTimeouts(now);
  if (changed) {
    Changed();
    room_freed_ = true;
  }
  if (now >= next_report_) HandleUse(now);
  if (now >= feedback_.next()) SendFeedback(now);
  if (changed || now >= next_election_) Elect(now);
  if (association_.send_session() != nullptr) ProbePaths(now);
  // A path may just have been lost, and with it the last use of an endpoint that its source has withdrawn.
  const auto active = [this](const wire::Endpoint& endpoint) { return paths_.IsActive(endpoint); };
  const bool expired = book_.Expire(now, context_.identity.timers().learned_lifetime, active);
  const bool has_room = std::exchange(room_freed_, false) && paths_.without_room() > 0;
  if (expired || has_room) Reconcile(now);
}

}  // namespace warp::protocol
