// When a path may send its next packet: each takes the time that its bytes need at the path's pace. A clock that was
// called late catches up by what it missed, so that timers need not be exact.
#ifndef WARP_CONTROL_BONDING_PATH_CLOCK_H_
#define WARP_CONTROL_BONDING_PATH_CLOCK_H_

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "control/bonding/capacity.h"

namespace warp::bonding {

class PathClock {
 public:
  bool open(Instant now) const { return next_ <= now; }
  Instant next() const { return next_; }
  // For how long there was nothing to send, in all.
  Duration idle() const { return idle_; }
  // How long a packet that is offered now waits for the clock alone.
  Duration Wait(Instant now) const { return std::max(next_ - now, Duration::zero()); }

  // A packet leaves now that has been there since `since`. Where it could have left earlier, because whoever turns the
  // clock came late, that time is made up for: on a busy machine a path would else carry what is left between two
  // looks. `least`: the time at the rate that the path must never exceed, which is paid in full by what waited for its
  // turn.
  void Charge(Instant now, Instant since, Duration time, Duration least = {}) {
    if (since > next_) idle_ += std::min(since, now) - next_;
    const Instant could = std::clamp(since, now - kLongestDelay, now - kCatchUp);
    const Instant from = std::max(next_, could);
    if (open(now)) paid_ = from + least;
    next_ = std::max({next_, paid_, std::min(from + time, now + kLongestDebt)});
  }

  // Whether what leaves without asking can be paid for: it takes so long.
  bool Takes(Instant now, Duration time) const {
    return open(now) || Wait(now) + time <= kLongestDebt;
  }

  // A byte takes so many times as long from now on; `least`: at the rate that the path must never exceed.
  void Scale(Instant now, double factor, double least = 1) {
    const auto scaled = [now](Instant until, double by) {
      const auto left = static_cast<double>((until - now).count());
      return left > 0 ? now + Duration(static_cast<int64_t>(left * by)) : until;
    };
    paid_ = scaled(paid_, least);
    next_ = std::max(paid_, scaled(next_, factor));
  }

  // `byte_time`: nanoseconds.
  static Duration TimeOf(uint64_t bytes, double byte_time) {
    return Duration(static_cast<int64_t>(static_cast<double>(bytes) * byte_time));
  }

 private:
  static constexpr Duration kCatchUp = std::chrono::milliseconds(2);
  static constexpr Duration kLongestDelay = std::chrono::milliseconds(30);
  // Of traffic that leaves without asking, and of what is large for a pace that may be wrong.
  static constexpr Duration kLongestDebt = std::chrono::milliseconds(100);

  Instant next_{};
  Instant paid_{};  // until when what was sent takes at the rate that the path must never exceed
  Duration idle_{};
};

}  // namespace warp::bonding

#endif  // WARP_CONTROL_BONDING_PATH_CLOCK_H_
