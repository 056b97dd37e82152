#include "control/protocol/path/path.h"

#include <sodium.h>

#include <algorithm>
#include <bit>
#include <cassert>

#include "dataplane/wire/constants.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::protocol {
absl::string_view PathStateName(PathState state) {
  switch (state) {
    case PathState::kCandidate:
      return "candidate";
    case PathState::kActive:
      return "active";
    case PathState::kLost:
      return "lost";
  }
  return "";
}

Path::Path(PathId id, const Route& route, bool usable, absl::string_view reason, Instant now)
    : id_(id),
      route_(route),
      target_(route.remote.address),
      usable_(usable),
      state_(Candidate{Duration(0)}),
      reason_(reason),
      since_(now) {
  if (usable) timers_.Set(Timer::kProbe, now);
}

PathStatus Path::status() const {
  PathStatus status{.id = id_,
                    .port = route_.port,
                    .remote = route_.remote,
                    .target = {target_, route_.remote.port},
                    .local = local_,
                    .state = state(),
                    .reason = reason_,
                    .since = since_,
                    .carries = carries_,
                    .relayed = relayed_,
                    .remote_port = remote_port_,
                    .use = use_.use(),
                    .rtt = rtt_,
                    .least_rtt = least_rtt_,
                    .control = counted_.all_control,
                    .size = size_.size(),
                    .size_proven = size_.proven(),
                    .black_hole = size_.black_hole()};
  if (rtt_) status.jitter = deviation_;
  if (keep_alive_.said() > 0) status.silence = KeepAlive::SilenceOf(keep_alive_.said());
  if (concluded_ > 0) status.loss = static_cast<double>(std::popcount(history_)) / concluded_;
  return status;
}

bool Path::NoteLocal(const wire::IpAddress& address) {
  if (active() || address == local_) return false;
  local_ = address;
  elsewhere_ = false;
  return true;
}

Way Path::NextWay() {
  const bool elsewhere = !active() && elsewhere_;
  elsewhere_ = !active() && !elsewhere_;
  return {route_, elsewhere ? wire::IpAddress() : local_};
}

template <typename State>
bool Path::Become(Instant now, State state, absl::string_view reason) {
  const bool changed = !std::holds_alternative<State>(state_);
  if (changed && active()) last_active_ = now;
  if (changed || reason != reason_) since_ = now;
  if (changed) {
    state_ = state;
    if (active()) {
      remote_down_ = false;
      size_.Begin(now);
    } else {
      size_.Stop();
      least_rtt_.reset();
    }
  }
  reason_ = reason;
  return changed;
}

bool Path::SetUsable(Instant now, bool usable, absl::string_view reason) {
  if (usable == usable_) {
    if (!usable) reason_ = reason;
    return false;
  }
  usable_ = usable;
  if (usable) {
    Wake(now);
    reason_ = reason;
    return false;
  }
  // Answers to earlier probes would say nothing about what comes.
  outstanding_.clear();
  timers_.StopAll();
  if (state() == PathState::kCandidate) return Become(now, Candidate{Duration(0)}, reason);
  return Become(now, Lost{Duration(0)}, reason);
}

bool Path::SetRemoteDown(Instant now, const Timers& timers) {
  outstanding_.clear();
  timers_.Stop(Timer::kLoss);
  timers_.Hasten(Timer::kProbe, now + timers.probe_interval);
  remote_down_ = true;
  return Become(now, Lost{Duration(0)}, "port down at the peer");
}

bool Path::Disconnect(Instant now, absl::string_view reason) {
  outstanding_.clear();
  timers_.Stop(Timer::kLoss);
  return active() && Become(now, Lost{Duration(0)}, reason);
}

bool Path::HandleAnswer(Instant now, const Timers& timers, const Answer& answer,
                        const Route& arrival) {
  if (bool changed = false; size_.HandleAnswer(now, answer.challenge, &changed)) return changed;
  const auto it =
      std::find_if(outstanding_.begin(), outstanding_.end(),
                   [&](const Outstanding& probe) { return probe.challenge == answer.challenge; });
  if (it == outstanding_.end()) return false;
  assert(usable_);  // the probes of a path that is not are forgotten
  // What comes over another path may be the answer to a probe that somebody took elsewhere.
  bool changed = !active();
  if (remote_port_ != answer.port && (arrival == route_ || unheard())) {
    remote_port_ = answer.port;
    SetCarries(now, false);
    changed = true;
  }
  if (arrival == route_ && !it->measured) {
    it->measured = true;
    unmeasured_ = 0;
    Measure(now - it->sent);
    ScheduleLoss(timers);
  }
  if (it->answered) return changed;
  it->answered = true;
  doubted_ = false;
  keep_alive_.NoteAnswer(now);
  Conclude(true);
  if (!active()) {
    // It was probed at a candidate's slow pace until now.
    timers_.Hasten(Timer::kProbe, now + timers.probe_interval);
    Become(now, Active{}, "probe answered");
  } else if (!in_use_ && unanswered() == 0) {
    // Nothing is known to be wrong and nobody waits for anything: the next probe has time.
    // Unless a probe of the peer, which has come meanwhile, has done so.
    if (!keep_alive_.is_ours()) timers_.PutOff(Timer::kProbe, it->sent + SilenceInterval(timers));
  }
  ScheduleLoss(timers);
  return changed;
}

bool Path::HandleTimeout(Instant now) {
  if (timers_.At(Timer::kLoss) > now) return ConcludeSize(now);
  timers_.Stop(Timer::kLoss);
  return Become(now, Lost{Duration(0)}, "no answer");
}

// A path whose packets of a size vanish works for what is smaller, whatever the reports have said of it.
bool Path::ConcludeSize(Instant now) {
  const std::optional<PathSize::Span> span = size_.Unanswered(now);
  if (!span) return false;
  if (!size_.Conclude(now, ProbeShare(span->from, span->until) >= kProbesOfWorkingPath))
    return false;
  delivery_until_ = Instant::min();
  delivery_for_ = Duration(0);
  return true;
}

size_t Path::UnpaddedSize() const {
  return (route_.remote.address.is_v4() ? wire::kFrameHeaderSizeV4 : wire::kFrameHeaderSizeV6) -
         wire::kEthernetHeaderSize + wire::kMinSealedSize + kProbeSize;
}

void Path::NotePadding(Instant now, size_t padding) {
  if (padding > 0 && padding + UnpaddedSize() < size_.size()) size_.Suspect(now);
}

// Between them go probes without padding, which tell whether the path works otherwise. They keep their distance: a
// kernel may join datagrams that leave together, and drop the small one with the large. A question is short, since
// payloads of its size may be vanishing meanwhile.
std::optional<Path::SizeProbe> Path::TakeSizeProbe(Instant now, const Timers& timers) {
  if (size_.next_timeout() > now) return std::nullopt;
  const PathSize::Pace pace = PaceOf(timers);
  SizeProbe probe;
  randombytes_buf(probe.challenge.data(), probe.challenge.size());
  const std::optional<uint32_t> size = size_.TakeProbe(now, pace, probe.challenge);
  if (!size) return std::nullopt;
  if (size_.goes_on()) timers_.Hasten(Timer::kProbe, now + pace.interval / 2);
  probe.padding = *size - UnpaddedSize();
  return probe;
}

PathSize::Pace Path::PaceOf(const Timers& timers) const {
  const Duration short_wait = timers.probe_interval / 4;
  return {.interval = short_wait,
          .patience = rtt_ ? *rtt_ + 4 * deviation_ + short_wait : PatienceFor(timers),
          .probes = static_cast<uint32_t>(LostAfter()) - kLostAfterProbes + kSizeProbes};
}

// After each change of the state, the round trip, the outstanding probes or the timers.
void Path::ScheduleLoss(const Timers& timers) {
  const bool losing = active() && unanswered() >= LostAfter();
  timers_.Set(Timer::kLoss, losing ? first_unanswered() + PatienceFor(timers) : kNever);
}

// A path must not be lost only because its round trip takes longer than the time-out.
Duration Path::PatienceFor(const Timers& timers) const {
  return rtt_ ? std::max(timers.path_lost_after, 2 * *rtt_ + 4 * deviation_)
              : timers.path_lost_after;
}

Duration Path::patience(const Timers& timers) const {
  if (in_use_) return PatienceFor(timers);
  // Where the peer does not probe by itself, our own probes alone tell that it lives.
  const Duration turns = keep_alive_.takes_turns() ? timers.path_lost_after : Duration(0);
  return PatienceFor(timers) + turns +
         static_cast<int64_t>(LostAfter() - kLostAfterProbes) * timers.probe_interval;
}

// --- Other timers. ---

Duration Path::LongestWait(const Timers& timers) const {
  if (!active() && !in_use_) return std::max(timers.probe_interval, LongestInterval(timers));
  if (!active()) return std::max(timers.probe_interval, timers.lost_interval_max);
  if (in_use_) return timers.probe_interval;
  return std::max(timers.probe_interval, IdleInterval(timers));
}

void Path::Retune(Instant now, const Timers& timers, Duration before) {
  ScheduleLoss(timers);
  size_.SetPace(PaceOf(timers));
  if (!usable_) return;
  if (!active() && timers.probe_interval < before) return Wake(now);
  if (last_probe_) timers_.Hasten(Timer::kProbe, std::max(now, *last_probe_ + LongestWait(timers)));
}

}  // namespace warp::protocol
