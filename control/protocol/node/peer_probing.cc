// When a peer's paths are probed. The rest of it is in peer.cc.
#include <algorithm>
#include <cassert>

#include "control/protocol/node/peer.h"

namespace warp::protocol {

void Peer::ProbePaths(Instant now) {
  const Timers& timers = context_.identity.timers();
  const bool any_active = paths_.any_active();
  // Only what comes over the others tells whether it is the path or the peer that does not answer.
  const bool any_waits =
      std::any_of(paths_.paths().begin(), paths_.paths().end(),
                  [now](const Path& path) { return path.next_probe() <= now && path.waits(); });
  // What a sparing path could tell of that is not worth its cost, unless all others are in doubt.
  const bool any_well = std::any_of(
      paths_.paths().begin(), paths_.paths().end(),
      [](const Path& path) { return path.active() && !path.worries() && !path.use().sparing(); });
  const Path* const last = paths_.LastActive();
  const auto may_probe = [&](const Path& path) {
    using Budget = UnansweredBudget;
    if (path.active()) return true;
    return MaySend(now, &path == last ? Budget::Use::kContact
                                      : Budget::OfProbe(path.learned(), path.probed()));
  };
  paths_.InTurns([&](Path& path) {
    if (any_waits && (path.in_use() || !path.use().sparing() || !any_well)) path.Look(now, timers);
    if (const auto padded = path.TakeSizeProbe(now, timers)) {
      SendProbe(now, path, padded->challenge, padded->padding);
    }
    if (path.next_probe() > now) return true;
    assert(path.usable());
    if (path.TakeDoubt(now, timers)) doubtful_.push_back(path.route().port);
    if (!may_probe(path)) {
      path.PutOff(now + context_.identity.Jitter(timers.probe_interval));
      return false;
    }
    // Probes to endpoints that may be false say nothing of the peer while others are answered.
    if (path.active() || !any_active) association_.NoteAsked(now, Patience(path));
    SendProbe(now, path, path.SendProbe(now, timers, context_.identity), 0);
    return true;
  });
}

void Peer::SendProbe(Instant now, Path& path, const Challenge& challenge, size_t padding) {
  const Probe probe{.port = path.route().port,
                    .number = context_.identity.NextTimestamp(),
                    .unheard = path.unheard(),
                    .challenge = challenge,
                    .padding = padding,
                    .spreads = spreads_,
                    .use = UseOf(path.route().port),
                    .silence = padding > 0 ? uint8_t{0} : path.SaySilence(now, Silence(now, path))};
  association_.Send(now, path.NextWay(), EncodeControlMessage(probe), context_.outbox);
}

// The first path whose silence may grow scouts, where another one does not. The first of the others is the anchor.
// While payloads flow, they tell that the peer lives, and what is silent are paths that an end pays for: none of those
// needs to be the anchor then, and they need not wait until nothing flows.
KeepAlive::Saying Peer::Silence(Instant now, const Path& path) const {
  const bool idle = now - last_use_ >= kIdleBeforeSilence;
  const Path* scout = nullptr;
  size_t silent = 0;
  size_t active = 0;
  bool any_in_use = false;
  for (const Path& one : paths_.paths()) {
    active += one.active() ? 1 : 0;
    any_in_use |= one.active() && one.in_use();
    if (!one.keeps_silent()) continue;
    ++silent;
    if (scout == nullptr && (idle || one.use().sparing()) &&
        now - one.since() >= kIdleBeforeSilence && one.keep_alive().WantsMore(now))
      scout = &one;
  }
  if (scout != nullptr && (scout->use().sparing() ? active : silent) < 2) scout = nullptr;
  const auto anchor = std::find_if(
      paths_.paths().begin(), paths_.paths().end(),
      [scout](const Path& one) { return one.keeps_silent() && one.carries() && &one != scout; });
  const bool anchors = anchor != paths_.paths().end() && &*anchor == &path;
  return {.leads = LeadsSilence(),
          .scouts = scout == &path,
          .most = !any_in_use && (anchors || silent < 2) ? kAnchorSilence : kSilenceSteps,
          .least = path.use().sparing() ? KeepAlive::kSparing : KeepAlive::Step{1}};
}

// While no payloads flow, what proves that the peer lives may come over the slowest path alone.
Duration Peer::Patience(const Path& probed) const {
  const Timers& timers = context_.identity.timers();
  Duration patience = probed.patience(timers);
  for (const Path& path : paths_.paths()) {
    if (!in_use_ && path.active()) patience = std::max(patience, path.patience(timers));
  }
  return patience;
}

}  // namespace warp::protocol
