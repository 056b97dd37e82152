// How a path is probed, and what its probes tell. The rest of it is in path.cc.
#include <sodium.h>

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>
#include <utility>

#include "control/protocol/handshake/identity.h"
#include "control/protocol/path/path.h"

namespace warp::protocol {
namespace {

constexpr uint32_t kHistory = 64;

}  // namespace

Challenge Path::SendProbe(Instant now, const Timers& timers, Identity& identity) {
  assert(usable_);
  Outstanding probe{.challenge = {}, .sent = now, .while_active = active()};
  randombytes_buf(probe.challenge.data(), probe.challenge.size());
  if (outstanding_.size() >= kMaxOutstandingProbes) {
    // What a lost path loses says nothing of what it loses when it works.
    if (!outstanding_.front().answered && outstanding_.front().while_active) Conclude(false);
    outstanding_.pop_front();
  }
  keep_alive_.NoteProbe(now, unanswered() == 0);
  outstanding_.push_back(probe);

  Duration interval = timers.probe_interval;
  if (auto* candidate = std::get_if<Candidate>(&state_)) {
    interval = std::max(candidate->interval, timers.probe_interval);
    candidate->interval = std::min(interval * 2, LongestInterval(timers));
  } else if (auto* lost = std::get_if<Lost>(&state_)) {
    interval = std::max(lost->interval, timers.probe_interval);
    lost->interval =
        std::min(interval * 2, in_use_ ? timers.lost_interval_max : LongestInterval(timers));
  } else if (!in_use_ && rtt_) {
    // The answer puts the next probe off (HandleAnswer). Where none comes, the path is looked at closely.
    interval =
        std::max(interval, unanswered() == 1 ? *rtt_ + 4 * deviation_ + timers.probe_interval / 4
                                             : *rtt_ / kLostAfterProbes);
  }
  ++unmeasured_;
  last_probe_ = now;
  timers_.Set(Timer::kProbe, now + identity.Jitter(interval));
  ScheduleLoss(timers);
  return probe.challenge;
}

void Path::SetInUse(Instant now, const Timers& timers, bool in_use) {
  if (in_use == in_use_) return;
  in_use_ = in_use;
  if (!in_use || !usable_) return;
  if (auto* lost = std::get_if<Lost>(&state_)) {
    lost->interval = Duration(0);
    timers_.Hasten(Timer::kProbe, now);
  } else {
    Look(now, timers);
  }
}

void Path::NoteArrival(const Timers& timers) {
  for (Outstanding& probe : outstanding_) probe.covered = true;
  ScheduleLoss(timers);
}

void Path::SetDelivery(Instant now, const Timers& timers, double share) {
  if (share >= kGoodShare) {
    delivery_for_ = Duration(0);
    delivery_until_ = now;
    return;
  }
  size_.Suspect(now);
  delivery_ = share;
  delivery_for_ = std::clamp(2 * delivery_for_, timers.blocked_min, timers.blocked_max);
  delivery_until_ = now + delivery_for_;
}

Duration Path::report_lag() const {
  // A path that was never measured may be as slow as any.
  return rtt_ ? 2 * *rtt_ + 4 * deviation_ : Duration(std::chrono::seconds(10));
}

void Path::Look(Instant now, const Timers& timers) {
  if (!active() || !last_probe_) return;
  timers_.Hasten(Timer::kProbe, std::max(now, *last_probe_ + timers.probe_interval));
}

void Path::Wake(Instant now) {
  if (auto* candidate = std::get_if<Candidate>(&state_)) candidate->interval = Duration(0);
  if (auto* lost = std::get_if<Lost>(&state_)) lost->interval = Duration(0);
  if (!usable_) return;
  timers_.Hasten(Timer::kProbe, last_probe_ ? std::max(now, *last_probe_ + kWakeInterval) : now);
}

size_t Path::unanswered() const {
  const auto last =
      std::find_if(outstanding_.rbegin(), outstanding_.rend(),
                   [](const Outstanding& probe) { return probe.answered || probe.covered; });
  return static_cast<size_t>(last - outstanding_.rbegin());
}

Duration Path::SilenceInterval(const Timers& timers) const {
  if (!keeps_silent() || !keep_alive_.takes_turns()) return IdleInterval(timers);
  return KeepAlive::SilenceOf(keep_alive_.said()) + AnswerTime() + kTurnOverdue;
}

// Somebody may have held the probe back, or padded it to ask for a size.
void Path::HearSilence(Instant now, const Timers& timers, const Probe& probe, bool leads) {
  if (probe.padding > 0 || probe.number <= heard_number_) return;
  heard_number_ = probe.number;
  const bool waits =
      unanswered() > 0 && now - first_unanswered() > AnswerTime() + timers.probe_interval / 4;
  keep_alive_.NoteHeard(now, keeps_silent() ? probe.silence : uint8_t{0}, leads, waits);
  if (!keeps_silent() || unanswered() > 0 || probe.silence == 0) return;
  const auto step = std::min(probe.silence, kSilenceSteps);
  timers_.Set(Timer::kProbe,
              now + KeepAlive::SilenceOf(step) - (leads ? kLeadersHaste : Duration(0)));
}

bool Path::TakeDoubt(Instant now, const Timers& timers) {
  const bool doubts =
      worries() && now - first_unanswered() >= AnswerTime() + 3 * timers.probe_interval / 2;
  return doubts && !std::exchange(doubted_, doubts);
}

double Path::ProbeShare(Instant from, Instant until) const {
  int sent = 0;
  int answered = 0;
  for (const Outstanding& probe : outstanding_) {
    if (probe.sent < from || probe.sent > until) continue;
    ++sent;
    answered += probe.answered;
  }
  return sent == 0 ? 1 : static_cast<double>(answered) / sent;
}

Instant Path::first_unanswered() const {
  const size_t count = unanswered();
  return count > 0 ? outstanding_[outstanding_.size() - count].sent : kNever;
}

// So many unanswered probes in a row that a path with the loss of the last 64 would show them once in a thousand times.
size_t Path::LostAfter() const {
  if (concluded_ < 8) return kLostAfterProbes;
  const double loss = static_cast<double>(std::popcount(history_)) / concluded_;
  if (loss <= 0.25) return kLostAfterProbes;  // 0.25^5 is a thousandth
  if (loss >= 0.75) return kLostAfterProbesMax;
  return static_cast<size_t>(std::ceil(std::log(0.001) / std::log(loss)));
}

// RFC 6298, section 2, without the granularity term.
void Path::Measure(Duration sample) {
  least_rtt_ = std::min(least_rtt_.value_or(sample), sample);
  if (!rtt_) {
    rtt_ = sample;
    deviation_ = sample / 2;
    return;
  }
  const Duration error = sample > *rtt_ ? sample - *rtt_ : *rtt_ - sample;
  deviation_ += (error - deviation_) / 4;
  *rtt_ += (sample - *rtt_) / 8;
}

void Path::Conclude(bool answered) {
  history_ = history_ << 1 | (answered ? 0 : 1);
  concluded_ = std::min(concluded_ + 1, kHistory);
}

}  // namespace warp::protocol
