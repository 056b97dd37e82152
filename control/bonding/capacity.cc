#include "control/bonding/capacity.h"

#include <algorithm>
#include <cmath>

namespace warp::bonding {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Duration kTarget = milliseconds(10);
constexpr Duration kStanding = milliseconds(4);  // a shorter queue is none
constexpr Duration kShortestWindow = milliseconds(40);
constexpr Duration kShortestSpan = milliseconds(5);
constexpr Duration kFloorPeriod = seconds(10);
// More of a period's delays than this part are above its floor by more than the target where a queue grows and shrinks.
constexpr double kSwings = 0.25;
// By the clock of the receiver they span the window, which would have no end where that clock hardly goes.
constexpr size_t kMostSamples = 1024;
// What a sample says of the queue.
constexpr Duration kMoment = seconds(1);
constexpr double kAsSent = 0.95;  // so much of what was sent arrives as it was sent
constexpr double kFaster = 1.05;  // so much of what was sent arrives where a queue drains
// A pace that is cut to this share of the capacity ends a queue of ours, of which within this time something is gone.
constexpr double kCut = 0.6, kUnanswered = 0.9;
constexpr Duration kAnswer = milliseconds(200);
// What a contested path keeps of its capacity, how much of that is sent, and of this has to arrive.
constexpr double kKept = 0.75, kContestGain = -0.3, kContestAsSent = 0.8;
constexpr Duration kContestPause = seconds(5), kLongestContestPause = seconds(60);
constexpr Duration kTrusted =
    seconds(5);  // how long an idle path keeps its capacity, and then half of it

// Of a rate that is given, so much is used. By all of it a queue that a late moment has left would stand for ever.
constexpr double kOfBound = 0.99;

double Seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

}  // namespace

Capacity::Capacity(uint64_t bound, Duration round_trip)
    : bound_(kOfBound * static_cast<Rate>(bound)),
      capacity_(bound > 0 ? bound_ : kFirst),
      pace_(capacity_),
      startup_(bound == 0) {
  if (round_trip > Duration::zero()) round_trip_ = round_trip;
}

void Capacity::SetBound(uint64_t bound) {
  const Rate rate = kOfBound * static_cast<Rate>(bound);
  if (rate == bound_) return;
  bound_ = rate;
  capacity_ = Bounded(capacity_);
  pace_ = Bounded(pace_);
  byte_time_ = 1e9 / Shared(pace_);
}

void Capacity::SetShare(Rate share) {
  share_ = share;
  byte_time_ = 1e9 / Shared(pace_);
}

Duration Capacity::target() const { return kTarget + Duration(static_cast<int64_t>(2 * noise_)); }

Duration Capacity::Window() const { return std::max(kShortestWindow, round_trip_ / 2); }

void Capacity::NoteDelay(const Sample& sample, Duration delay) {
  const Duration trip = sample.now - sample.sent - sample.age;
  if (!measured_ || sample.now >= floor_period_ + kFloorPeriod) {
    floor_period_ = sample.now;
    // A queue that stood for the whole period hides the floor, so the pace makes room for a moment.
    if (measured_ && floors_[0] > floor_ + kStanding / 2) {
      renew_until_ = sample.now + std::max(round_trip_, Duration(milliseconds(40)));
    }
    // What another's queue leaves is no floor. That of a TCP grows and shrinks all the time; a path that became longer
    // is so evenly, but for moments.
    const bool keeps = contest_.is && high_delays_ > kSwings * delays_;
    floors_[1] = !measured_ ? Duration::max() : keeps ? floor_ : floors_[0];
    delays_ = high_delays_ = 0;
    trips_[1] = measured_ ? trips_[0] : Duration::max();
    floors_[0] = trips_[0] = Duration::max();
  }
  floors_[0] = std::min(floors_[0], delay);
  ++delays_;
  if (delay - floors_[0] > target()) ++high_delays_;
  if (trip > Duration::zero()) trips_[0] = std::min(trips_[0], trip);
  floor_ = std::min(floors_[0], floors_[1]);
  if (const Duration least = std::min(trips_[0], trips_[1]); least != Duration::max())
    round_trip_ = least;
  const Duration queue = delay - floor_;
  queue_before_ = measured_ ? queue_ : queue;
  queue_ = queue;
  noise_ = 0.95 * noise_ + 0.05 * std::abs(static_cast<double>((queue_ - queue_before_).count()));
  noise_ = std::min(noise_, 50e6);
}

void Capacity::Handle(const Sample& sample) {
  if (measured_ && (sample.sent <= last_sent_ || sample.arrived <= last_arrived_)) return;
  if (measured_ && sample.sent - used_ > kTrusted) {
    capacity_ = pace(sample.sent);
    SetPace(sample.now, capacity_);
    startup_ = true;
    clean_ = 0;
  }
  used_ = std::max(used_, sample.sent);
  sampled_ = sample.now;
  // After a pause the old points say nothing of the rate.
  if (measured_ && sample.sent - last_sent_ > seconds(1)) points_.clear();
  NoteDelay(sample, sample.arrived - sample.sent.time_since_epoch());
  measured_ = has_floor_ = true;
  last_sent_ = sample.sent;
  last_arrived_ = sample.arrived;
  points_.push_back({sample.arrived, sample.sent, sample.bytes, queue_, sample.idle});
  const Duration from = sample.arrived - Window();
  while (points_.size() > 2 && (points_[1].arrived <= from || points_.size() > kMostSamples))
    points_.pop_front();
  const Point& first = points_.front();
  const Duration span = sample.arrived - first.arrived;
  if (span < kShortestSpan || sample.bytes <= first.bytes) return;
  const auto bytes = static_cast<double>(sample.bytes - first.bytes);
  const Rate received = bytes / Seconds(span);
  const bool limited = sample.now - limited_ < round_trip_ + 2 * kInterval;
  const Duration idle = sample.idle - first.idle, sent_span = sample.sent - first.sent;
  const bool full = (limited && idle < sent_span / 4) || first.queue > kStanding;
  const Rate sent = bytes / Seconds(std::max(sent_span, Duration(milliseconds(1))));
  Adjust(sample.now, {received, sent}, limited, full, limited && idle < sent_span / 16);
}

void Capacity::CheckContest(Instant now, const Rates& rates, Duration queue, Duration loop) {
  Contest& its = contest_;
  if (startup_ || queue <= target()) {
    its.is = false;
    its.before = capacity_;
    its.cut_since = its.marked = Instant{};
    its.as_sent = 1;
    return;
  }
  its.as_sent += 0.05 * (std::min(1.2, rates.received / rates.sent) - its.as_sent);
  if (its.is) {
    if (its.as_sent >= kContestAsSent) return;
    its.is = false;
    its.pause = std::clamp(2 * its.pause, kContestPause, kLongestContestPause);
    its.not_before = now + its.pause;
  }
  if (pace_ > kCut * its.before) {
    its.cut_since = its.marked = Instant{};
    return;
  }
  if (its.cut_since == Instant{}) its.cut_since = now;
  if (now - its.cut_since < loop) return;
  if (its.marked != Instant{} && now - its.marked < std::max(kAnswer, loop)) return;
  const bool answered =
      its.marked == Instant{} || its.as_sent < kContestAsSent ||
      static_cast<double>(queue.count()) < kUnanswered * static_cast<double>(its.mark.count());
  its.mark = queue;
  its.marked = now;
  if (answered || now < its.not_before) return;
  its.is = true;
  its.as_sent = 1;
  capacity_ = std::max(capacity_, kKept * its.before);
}

// A sender that comes late to send, on a busy machine, sends less than the path carries, and then what arrives is no
// less than what was sent. That lowers nothing, unless a queue drains, which then says what the path carries.
void Capacity::Adjust(Instant now, const Rates& rates, bool limited, bool full, bool busy) {
  const Rate received = rates.received;
  const Duration queue = std::min(queue_, queue_before_);
  const Duration target = this->target();
  const Duration loop = round_trip_ + kInterval;
  CheckContest(now, rates, queue, loop);
  const bool as_sent = received > kAsSent * rates.sent &&
                       (queue < target || (!busy && received < kFaster * rates.sent));
  if (startup_) {
    short_ = busy && received < 0.7 * Shared(pace_) && clean_ > 4 ? short_ + 1 : 0;
    if (queue > target || short_ >= 2) {
      if (full) {
        startup_ = false;
        known_ = true;
        capacity_ = received;
        clean_ = 0;
      }
    } else if (limited) {
      capacity_ = std::max(capacity_, received);
    }
    ++clean_;
  } else if (contest_.is || (queue > kStanding && received < capacity_ && as_sent)) {
    clean_ = 0;
  } else if (queue > kStanding && (full || received > capacity_)) {
    capacity_ = 0.6 * capacity_ + 0.4 * received;
    known_ = true;
    clean_ = 0;
  } else if (limited) {
    capacity_ = std::max(capacity_, received);
    ++clean_;
  } else if (queue <= kStanding) {
    capacity_ = std::max(capacity_, std::min(received, rates.sent));
  }
  capacity_ = Bounded(capacity_);
  if (full || capacity_ > proven_) proven_ = capacity_;
  double gain = 0;
  const double t = Seconds(target), q = Seconds(queue), l = Seconds(loop);
  if (startup_) {
    gain = limited ? 1 : 0;
  } else if (q < t) {
    double up = std::max(t / l, 0.05);
    if (clean_ > 3 * l / Seconds(kInterval)) up = std::min(0.5, 2 * up);
    gain = (t - q) / t * std::min(0.25, up);
  } else {
    gain = -std::min(0.6, (q - t) / l);
  }
  if (contest_.is) gain = kContestGain;
  if (now < renew_until_) gain = std::min(gain, -0.25);
  SetPace(now, std::max(kLeast, capacity_ * (1 + gain)));
}

void Capacity::Restart(Instant now) {
  if (known_) capacity_ = Bounded(std::max(kLeast, std::min(capacity_, pace(now)) / 2));
  SetPace(now, capacity_);
  startup_ = true;
  clean_ = 0;
  limited_ = Instant{};
  points_.clear();
  measured_ = false;
  noise_ = 0;
}

void Capacity::SetPace(Instant now, Rate pace) {
  pace_ = Bounded(pace);
  byte_time_ = 1e9 / Shared(pace_);
  plain_until_ = std::min(sampled_ + kMoment, used_ + kTrusted);
  if (!known_) plain_until_ = std::min(plain_until_, now + kMoment);
}

void Capacity::Presume(Instant now, Rate rate) {
  if (known_ && now - used_ < kTrusted) return;
  capacity_ = known_ ? std::max({proven_ / 2, pace(now), std::min(proven_, rate)})
                     : std::max(capacity_, rate / 3);
  capacity_ = Bounded(capacity_);
  startup_ = true;
  clean_ = 0;
  used_ = now;
  SetPace(now, capacity_);
}

Rate Capacity::pace(Instant now) const {
  if (!measured_ || !known_ || now - used_ < kTrusted) {
    // What the last sample said of a queue is of its moment.
    return now - sampled_ > kMoment ? std::max(pace_, capacity_) : pace_;
  }
  const double periods = std::min(2.0, Seconds(now - used_) / Seconds(kTrusted) - 1);
  return Bounded(std::max({kLeast, proven_ / 4, capacity_ * std::pow(0.5, periods)}));
}

}  // namespace warp::bonding
