#include "control/protocol/path/pace/keep_alive.h"

#include <algorithm>
#include <cassert>

namespace warp::protocol {
namespace {

// Not tried, as if it had failed: both ends' turns have to pass between two rekeys, which pass over every path.
constexpr KeepAlive::Step kTooLong = 9;
static_assert(2 * kSilences[kTooLong - 1] >= Timers{}.rekey_after &&
              2 * kSilences[kTooLong - 2] < Timers{}.rekey_after);

// Few NATs forget sooner than this. Where a shorter silence seems to have been too long, most likely probes were lost.
constexpr KeepAlive::Step kLikely = 6;

}  // namespace

Duration KeepAlive::SilenceOf(Step step) {
  assert(step >= 1 && step <= kSilenceSteps);
  return kSilences[step - 1];
}

void KeepAlive::NoteTraffic(Instant now) {
  silence_ = now - quiet_since_;
  quiet_since_ = now;
}

// The other end's clock began up to a round trip later or earlier.
bool KeepAlive::Survived(Step step) const {
  return step > 0 && silence_ >= SilenceOf(step) * 4 / 5;
}

void KeepAlive::NoteProbe(Instant now, bool first) {
  NoteTraffic(now);
  if (!first) {
    repeated_ = true;
    return;
  }
  repeated_ = false;
  testing_ = turn_ == Turn::kOurs && Survived(heard_) ? heard_ : Step{0};
  // Probes that come sooner have another reason.
  const bool overdue =
      turn_ == Turn::kTheirs && said_ > 0 && silence_ >= SilenceOf(said_) + kTurnOverdue / 2;
  overdue_ = overdue ? said_ : Step{0};
  turn_ = Turn::kNobodys;
}

KeepAlive::Step KeepAlive::Say(Instant now, const Saying& saying) {
  leads_ = saying.leads;
  const auto failed = static_cast<Step>(std::max(Failed(now) - 1, 1));
  if (!saying.leads) {
    said_ = std::min(std::max(heard_, Step{1}), failed);
  } else if (saying.scouts && WantsMore(now)) {
    said_ = std::min(std::max(static_cast<Step>(proven_ + 1), saying.least), failed);
  } else {
    const auto below = static_cast<Step>(std::max(proven_ - 1, int{saying.least}));
    said_ = std::min({below, failed, saying.most});
  }
  return said_;
}

void KeepAlive::NoteAnswer(Instant now) {
  if (overdue_ > 0) {
    Fail(now, overdue_);
  } else if (testing_ > 0 && !repeated_ && survived_ >= testing_) {
    proven_ = std::max(proven_, testing_);
  }
  testing_ = overdue_ = 0;
  // Where both probes were under way at once, it is the turn of who leads.
  if (turn_ == Turn::kOurs && leads_) return;
  turn_ = takes_turns() ? Turn::kTheirs : Turn::kNobodys;
}

void KeepAlive::NoteHeard(Instant now, Step step, bool leads, bool waits) {
  if (testing_ > 0 && waits) {
    Fail(now, testing_);
    testing_ = 0;
  }
  if (turn_ == Turn::kTheirs) survived_ = Survived(said_) ? said_ : Step{0};
  heard_ = std::min(step, kSilenceSteps);
  // Who leads and is not followed learns from that what the other end knows.
  if (leads && heard_ > 0 && heard_ < said_ && turn_ == Turn::kTheirs && survived_ == said_)
    Fail(now, static_cast<Step>(heard_ + 1));
  turn_ = heard_ > 0 ? Turn::kOurs : Turn::kNobodys;
}

KeepAlive KeepAlive::Inherit() const {
  KeepAlive other;
  other.proven_ = proven_;
  other.failed_ = failed_;
  other.failed_at_ = failed_at_;
  return other;
}

KeepAlive::Step KeepAlive::Failed(Instant now) const {
  const Duration believed = failed_ >= kLikely ? kSilenceTriedAgain : kSilenceTriedAgain / 12;
  return now - failed_at_ < believed ? std::min(failed_, kTooLong) : kTooLong;
}

void KeepAlive::Fail(Instant now, Step step) {
  failed_ = std::max(std::min(Failed(now), step), Step{2});
  failed_at_ = now;
  proven_ = std::min(proven_, static_cast<Step>(failed_ - 1));
}

}  // namespace warp::protocol
