// What a peer does while payloads flow, and how it follows timers and a window that have changed. The rest of it is in
// peer.cc.
#include <algorithm>
#include <optional>
#include <utility>

#include "control/protocol/node/peer.h"
#include "control/protocol/path/path_choice.h"
#include "dataplane/wire/handshake/introduction.h"

namespace warp::protocol {

void Peer::BeginUse(Instant now) {
  in_use_ = true;
  next_report_ = now + context_.identity.timers().report_interval;
  arrivals_.Begin(now);
  for (Path& path : paths_.paths()) SetInUse(now, path);
  next_timeout_.reset();
}

void Peer::SetInUse(Instant now, Path& path) {
  const Timers& timers = context_.identity.timers();
  path.SetInUse(now, timers, in_use_ && path.use().Flows(now, timers.use_linger));
}

void Peer::HandleUse(Instant now) {
  const Timers& timers = context_.identity.timers();
  SendReports(now);
  if (arrivals_.HandleSilence(now, timers, paths_)) Elect(now);
  next_report_ = now + timers.report_interval;
  if (!feedback_.asked() || now - last_payload_ >= timers.use_linger) share_.Set(false);
  if (now - last_use_ >= std::max(timers.use_linger, arrivals_.Patience(paths_))) {
    in_use_ = false;
    next_report_ = kNever;
  }
  for (Path& path : paths_.paths()) {
    if (path.use().sparing() && context_.traffic)
      path.use().NoteSent(now, context_.traffic(path.id()).sent);
    SetInUse(now, path);
  }
}

// --- How ports want to be used. ---

PortUse Peer::UseOf(PortId id) const {
  const auto port = context_.ports.find(id);
  return port == context_.ports.end() ? PortUse::kFree : port->second.use;
}

// Each path is used as that port of the peer wants it to which it leads. A probe speaks for its port and not for the
// path over which it came, because whoever holds a link can send a probe on as if it had left another port.
void Peer::TakeUses(Instant now) {
  bool changed = false;
  for (Path& path : paths_.paths()) {
    if (!path.remote_port().has_value()) continue;
    const std::optional<PortUse> use = newest_probes_.UseOf(*path.remote_port());
    if (!use.has_value() || !path.use().SetTold(*use)) continue;
    changed = true;
    SetInUse(now, path);
  }
  if (!changed) return;
  Changed();
  Elect(now);
}

// It is not waited for: where it is lost, the peer finds out as of any path that dies.
void Peer::SayLast(Instant now) {
  wire::Session* const session = association_.send_session().get();
  if (session == nullptr) return;
  for (Path& path : paths_.paths()) {
    if (!path.active() || UseOf(path.route().port) != PortUse::kNone) continue;
    const Challenge challenge = path.SendProbe(now, context_.identity.timers(), context_.identity);
    const Probe probe{.port = path.route().port,
                      .number = context_.identity.NextTimestamp(),
                      .challenge = challenge,
                      .spreads = spreads_,
                      .use = PortUse::kNone};
    if (auto sealed = session->Seal(now, context_.identity.engine(), EncodeControlMessage(probe)))
      context_.outbox.PushLast(path.NextWay(), std::move(*sealed));
  }
}

// The peer would find out by what does not arrive, after some feedback or probes. Like those, the message is not
// repeated: where it is lost, the peer finds out so.
void Peer::SayDown(Instant now, std::vector<PortId> ports) {
  std::erase_if(ports, [this](PortId id) {
    const auto port = context_.ports.find(id);
    if (port == context_.ports.end()) return false;
    const PortState& state = port->second;
    return state.use == PortUse::kNone ||
           (state.up && !(state.addresses.empty() && state.link_locals.empty()));
  });
  const wire::Session* const session = association_.send_session().get();
  if (ports.empty() || session == nullptr) return;
  if ((session->remote_features() & wire::kFeaturePortsDown) == 0) return;
  if (!said_downs_.Take(now)) return;
  ports.resize(std::min(ports.size(), kMaxPortsDown));
  const std::vector<uint8_t> message =
      EncodeControlMessage(PortsDown{.ports = {ports.begin(), ports.end()}});
  for (const Way& way : paths_.BestWays(now, kMaxFeedbackPaths, std::nullopt)) {
    association_.Send(now, way, message, context_.outbox);
  }
}

// Whoever lies in it does without paths of its own; it cannot take the last one to this node, whatever tunnels may use.
// A message that comes late, or that somebody has held back, says nothing of a port that has shown since that it works.
void Peer::HandlePortsDown(Instant now, const PortsDown& down, SealOrder order) {
  const auto leads_there = [&down, order](const Path& path) {
    return path.active() && path.remote_port().has_value() && !path.proof().IsAfter(order) &&
           std::find(down.ports.begin(), down.ports.end(), *path.remote_port()) != down.ports.end();
  };
  std::vector<Path>& paths = paths_.paths();
  const bool any = std::any_of(paths.begin(), paths.end(), leads_there);
  const bool other = std::any_of(paths.begin(), paths.end(), [&](const Path& path) {
    return Works(path, now) && !leads_there(path);
  });
  // Each costs a look at all paths, and a new forwarding table.
  if (!any || !other || !heard_downs_.Take(now)) return;
  for (Path& path : paths) {
    if (leads_there(path)) path.SetRemoteDown(now, context_.identity.timers());
  }
  room_freed_ = true;
  Changed();
  Elect(now);
}

void Peer::SendReports(Instant now) {
  for (const Report& report : arrivals_.TakeReports(now, paths_)) {
    const std::vector<uint8_t> message = EncodeControlMessage(report);
    for (const Way& way : paths_.BestWays(now, kMaxAnswerPaths, std::nullopt)) {
      association_.Send(now, way, message, context_.outbox);
    }
  }
}

// --- Feedback. ---

void Peer::NotePayload(Instant now, const wire::Session* session, uint64_t counter) {
  NoteUse(now);
  if (!feedback_.asked()) return;
  last_payload_ = now;
  share_.Set(true);
  const Timers& timers = context_.identity.timers();
  const SealOrder payload{association_.SessionOrder(session), counter};
  if (feedback_.NotePayload(now, timers, session->local_index(), payload)) next_timeout_.reset();
}

void Peer::SetSpreads(Instant now, bool spreads) {
  if (spreads == spreads_) return;
  spreads_ = spreads;
  for (Path& path : paths_.paths()) path.Wake(now);
  next_timeout_.reset();
}

// Each is sealed separately: the peer would count the copies of one as payloads.
void Peer::SendFeedback(Instant now, wire::Session* session, std::span<const Way> ways,
                        const Feedback& feedback) {
  const std::vector<uint8_t> message = EncodeControlMessage(feedback);
  for (const Way& way : ways) {
    if (auto sealed = session->Seal(now, context_.identity.engine(), message))
      context_.outbox.Push(way, std::move(*sealed));
  }
}

void Peer::SendFeedback(Instant now) {
  if (association_.send_session() == nullptr) return feedback_.Stop();
  const std::shared_ptr<wire::Session> session = association_.FindSession(feedback_.session());
  const std::shared_ptr<wire::Session> before =
      association_.FindSession(feedback_.session_before());
  arrivals_.Count(now, paths_);
  const FeedbackBook::Batch batch = feedback_.Take(now, context_.identity.timers(), session.get(),
                                                   before.get(), arrivals_, paths_);
  if (batch.messages.empty()) return;
  std::vector<Way> ways = paths_.BestWays(now, kMaxFeedbackPaths, std::nullopt);
  if (!batch.everywhere && !ways.empty()) {
    const auto works = [&](const Way& way) {
      const Path* const path = paths_.Find(way.route);
      if (path == nullptr || !path->remote_port()) return false;
      const FeedbackBook::Batch::Pair pair{*path->remote_port(), way.route.port};
      return std::find(batch.working.begin(), batch.working.end(), pair) != batch.working.end();
    };
    const auto best = std::find_if(ways.begin(), ways.end(), works);
    ways = {best == ways.end() ? ways.front() : *best};
  }
  const std::span<const Way> first(ways.data(), std::min<size_t>(ways.size(), 1));
  for (const Feedback& feedback : batch.before) SendFeedback(now, before.get(), first, feedback);
  for (const Feedback& feedback : batch.messages) SendFeedback(now, session.get(), ways, feedback);
  SendLimits(now, ways);
}

// Where feedback goes, limits arrive as well, and where there is none they would bind nothing.
void Peer::SendLimits(Instant now, std::span<const Way> ways) {
  const wire::Session& session = *association_.send_session();
  if ((session.remote_features() & wire::kFeatureLimits) == 0) return;
  for (const Limits& limits :
       limits_.Take(now, session.local_index(), context_.ports, context_.sharers.count())) {
    const std::vector<uint8_t> message = EncodeControlMessage(limits);
    for (const Way& way : ways) association_.Send(now, way, message, context_.outbox);
  }
}

// --- Other timers. ---

void Peer::Retune(Instant now) {
  if (std::exchange(tuning_, context_.tuning) == context_.tuning) return;
  const Timers& timers = context_.identity.timers();
  const Duration before = std::exchange(probe_interval_, timers.probe_interval);
  Duration patience{};
  for (Path& path : paths_.paths()) {
    path.Retune(now, timers, before);
    patience = std::max(patience, path.patience(timers));
  }
  association_.Retune(now, PeerTerms(timers, context_.window), patience);
}

}  // namespace warp::protocol
