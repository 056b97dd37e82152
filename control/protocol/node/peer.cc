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
      since_(now) {
  SetEndpoints(now, EndpointSource::kConfig, 0, options.endpoints);
  association_.Connect(now);
}

// --- Endpoints and ports. ---

void Peer::SetEndpoints(Instant now, EndpointSource source, uint32_t instance,
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

void Peer::PortsChanged(Instant now) { Reconcile(now); }

bool Peer::IsOwn(const wire::Endpoint& endpoint) const {
  // Two nodes of one machine (a test) tell each other apart by the UDP port.
  if (endpoint.address.is_loopback()) return endpoint.port == context_.listen_port;
  for (const auto& [id, port] : context_.ports) {
    if (std::find(port.addresses.begin(), port.addresses.end(), endpoint.address) !=
        port.addresses.end())
      return true;
  }
  return false;
}

void Peer::Reconcile(Instant now) {
  next_timeout_.reset();
  std::vector<EndpointBook::Known> endpoints = book_.All();
  std::erase_if(endpoints,
                [this](const EndpointBook::Known& known) { return IsOwn(known.endpoint); });
  if (!paths_.Reconcile(now, context_.ports, endpoints, &context_.next_path_id)) return;
  ++context_.version;
  association_.Hurry(now);
}

std::vector<Route> Peer::Routes(Instant now) {
  return paths_.AllRoutes([&] { return context_.unanswered.Take(now); });
}

// --- The session. ---

void Peer::AssociationChanged(Instant now) { Sync(now, "no session"); }

void Peer::NoteAuthentic(Instant now, const wire::Session* session) {
  const bool confirmed = association_.NoteAuthentic(now, session);
  if (!confirmed && connected_) return;
  if (confirmed) {
    // The peer may have been restarted: every path has to answer anew, and soon.
    for (Path& path : paths_.paths()) path.Wake(now);
  }
  Sync(now, "no session");
}

// Follows the association: paths live only with a session.
void Peer::Sync(Instant now, absl::string_view why_disconnected) {
  next_timeout_.reset();
  if (seen_version_ != association_.version()) {
    seen_version_ = association_.version();
    ++context_.version;
  }
  const bool has_session = association_.send_session() != nullptr;
  if (had_session_ && !has_session) {
    for (Path& path : paths_.paths()) path.Disconnect(now, why_disconnected);
  }
  had_session_ = has_session;
  if (!has_session) {
    if (connected_) SetConnected(now, false, why_disconnected);
  } else if (now < SilentAt()) {
    SetConnected(now, true, "session confirmed");
  } else {
    SetConnected(now, false, "nothing heard");
  }
  assert(has_session || (!connected_ && paths_.ActiveRoutes().empty()));
}

void Peer::SetConnected(Instant now, bool connected, absl::string_view reason) {
  if (connected == connected_) return;
  connected_ = connected;
  reason_ = reason;
  since_ = now;
  look_up_again_ = !connected;
}

Instant Peer::SilentAt() const {
  return association_.last_authentic() + context_.identity.timers().session_silence;
}

// --- Control messages. ---

wire::Drop Peer::HandleControl(Instant now, const OpenedMessage& opened) {
  assert(association_.send_session() != nullptr);  // NoteAuthentic came first
  const auto decoded = DecodeControlMessage(opened.plaintext);
  if (const auto* drop = std::get_if<wire::Drop>(&decoded)) return *drop;
  const auto& message = std::get<ControlMessage>(decoded);
  next_timeout_.reset();
  if (const auto* probe = std::get_if<Probe>(&message)) {
    HandleProbe(now, opened, *probe);
  } else if (const auto* answer = std::get_if<Answer>(&message)) {
    HandleAnswer(now, opened.arrival, *answer);
  } else {
    HandleAssociationMessage(now, opened, message, association_, context_.outbox);
    if (std::holds_alternative<Close>(message)) Sync(now, "peer closed");
  }
  return wire::Drop::kNone;
}

void Peer::HandleProbe(Instant now, const OpenedMessage& opened, const Probe& probe) {
  const Arrival& arrival = opened.arrival;
  const Route back = arrival.route();
  // Sealed separately from the copies below, so that it is never dropped as their duplicate. Only this one yields an
  // RTT.
  const std::vector<uint8_t> answer = EncodeControlMessage(Answer{probe.challenge});
  association_.Send(back, answer, context_.outbox);
  // The path may work in one direction only.
  std::vector<Route> others = paths_.ActiveRoutes();
  std::erase(others, back);
  if (others.size() > kMaxAnswerPaths) others.resize(kMaxAnswerPaths);
  association_.Send(others, answer, context_.outbox);

  if (IsNewestOfPort(opened.session, probe) &&
      AcceptableEndpoint(arrival.from, context_.allow_loopback) && !IsOwn(arrival.from) &&
      paths_.Find(back) == nullptr) {
    const auto active = [this](const wire::Endpoint& endpoint) {
      return paths_.IsActive(endpoint);
    };
    if (book_.Learn(now, arrival.from, arrival.port, active)) Reconcile(now);
  }
  // Both directions recover together.
  if (Path* path = paths_.Find(back); path != nullptr && !path->active()) path->Wake(now);
}

// RFC 9000, section 9.3: an old packet that somebody delivers late from elsewhere teaches nothing. The numbers grow
// over all sessions of one run of the peer. In its next run they may begin lower, but then its sessions are new.
bool Peer::IsNewestOfPort(const wire::Session* session, const Probe& probe) {
  if (!newest_probes_.contains(probe.port) && newest_probes_.size() >= kMaxRemotePorts)
    return false;
  NewestProbe& newest = newest_probes_[probe.port];
  const uint64_t order = association_.SessionOrder(session);
  if (probe.number <= newest.number && order <= newest.session) return false;
  newest = {probe.number, std::max(order, newest.session)};
  return true;
}

void Peer::HandleAnswer(Instant now, const Arrival& arrival, const Answer& answer) {
  for (Path& path : paths_.paths()) {
    if (path.HandleAnswer(now, context_.identity.timers(), answer.challenge, arrival.route()))
      ++context_.version;
  }
}

void Peer::Shutdown(Instant now) {
  std::vector<Route> routes = Routes(now);
  association_.Close(routes, context_.outbox);
  Sync(now, "closed");
}

// --- Time. ---

Instant Peer::NextTimeout() const {
  if (next_timeout_) return *next_timeout_;
  const Timers& timers = context_.identity.timers();
  Instant next = std::min(association_.NextTimeout(), book_.NextExpiry(timers.learned_lifetime));
  if (association_.send_session() != nullptr) {
    for (const Path& path : paths_.paths()) next = std::min(next, path.next_timeout());
  }
  if (connected_) next = std::min(next, SilentAt());
  next_timeout_ = next;
  return next;
}

void Peer::HandleTimeout(Instant now) {
  next_timeout_.reset();
  const auto routes = [&] { return Routes(now); };
  association_.HandleTimeout(now, routes, context_.outbox);
  Sync(now, "keys expired");
  bool changed = false;
  for (Path& path : paths_.paths()) changed |= path.HandleTimeout(now);
  if (changed) ++context_.version;
  if (association_.send_session() != nullptr) ProbePaths(now);
  // A path may just have been lost, and with it the last use of an endpoint that its source has withdrawn.
  const auto active = [this](const wire::Endpoint& endpoint) { return paths_.IsActive(endpoint); };
  if (book_.Expire(now, context_.identity.timers().learned_lifetime, active)) Reconcile(now);
}

void Peer::ProbePaths(Instant now) {
  const Timers& timers = context_.identity.timers();
  for (Path& path : paths_.paths()) {
    if (path.next_probe() > now) continue;
    assert(path.usable());
    if (!path.active() && !context_.unanswered.Take(now)) {
      path.PutOff(now + context_.identity.Jitter(timers.probe_interval));
      continue;
    }
    const Challenge challenge = path.SendProbe(now, timers, context_.identity);
    association_.Send(path.route(),
                      EncodeControlMessage(
                          Probe{path.route().port, context_.identity.NextTimestamp(), challenge}),
                      context_.outbox);
  }
}

PeerStatus Peer::status() const {
  PeerStatus status{.id = id_,
                    .name = name_,
                    .public_key = public_key(),
                    .connected = connected_,
                    .reason = reason_,
                    .since = since_,
                    .session = association_.send_session(),
                    .established = association_.established(),
                    .paths = {}};
  for (const Path& path : paths_.paths()) status.paths.push_back(path.status());
  return status;
}

}  // namespace warp::protocol
