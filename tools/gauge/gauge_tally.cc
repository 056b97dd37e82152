#include "tools/gauge/gauge_tally.h"

#include <algorithm>
#include <utility>

namespace warp::tools {

bool GaugeTally::Receive(uint64_t now, std::span<const uint8_t> datagram) {
  GaugeStamp stamp;
  GaugeVerdict verdict = ReadGauge(datagram, stamp);
  if (verdict == GaugeVerdict::kGood && stamp.sequence >= kMaxSequence)
    verdict = GaugeVerdict::kCorrupt;
  if (verdict == GaugeVerdict::kForeign) {
    ++foreign_;
    return false;
  }
  if (verdict == GaugeVerdict::kCorrupt) {
    ++corrupt_;
    return false;
  }
  const bool other = run_ != stamp.run;
  if (other && (fixed_ || run_before_ == stamp.run)) {
    ++stale_;
    return false;
  }
  if (other) Begin(stamp.run);

  const size_t word = stamp.sequence / 64;
  const uint64_t bit = uint64_t{1} << (stamp.sequence % 64);
  if (word >= seen_.size()) seen_.resize(std::max<size_t>(word + 1, 2 * seen_.size()));
  if ((seen_[word] & bit) != 0) {
    ++duplicated_;
    return other;
  }
  seen_[word] |= bit;
  ++received_;
  if (stamp.sequence + 1 < highest_) ++reordered_;
  highest_ = std::max(highest_, stamp.sequence + 1);
  // A sender on another machine has another clock, so a difference that cannot be a latency is not counted as one.
  if (stamp.sent_at <= now) latency_.Add(now - stamp.sent_at);
  NoteArrival(now);
  return other;
}

void GaugeTally::SenderStopped(uint64_t now) {
  NoteGap(now);
  sender_stopped_ = true;
}

void GaugeTally::Begin(uint64_t run) {
  GaugeTally fresh;
  fresh.run_ = run;
  fresh.run_before_ = run_;
  fresh.interval_ = interval_;
  *this = std::move(fresh);
}

void GaugeTally::NoteArrival(uint64_t now) {
  NoteGap(now);
  last_arrival_ = now;
  if (!first_arrival_) first_arrival_ = now;
  if (interval_ == 0 || now < *first_arrival_) return;
  const uint64_t at = (now - *first_arrival_) / interval_;
  if (at >= kMaxTimeline) return;
  if (at >= timeline_.size()) timeline_.resize(at + 1);
  ++timeline_[at];
}

void GaugeTally::NoteGap(uint64_t now) {
  if (!last_arrival_ || now < *last_arrival_ || sender_stopped_) return;
  longest_gap_ = std::max(longest_gap_, now - *last_arrival_);
}

}  // namespace warp::tools
