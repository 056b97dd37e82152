// Whether a payload is dropped at the door of a queue that stands (CoDel, RFC 8289): where payloads have had to wait
// longer than `target` for a whole interval, one is dropped, and the next ones in ever shorter times until they do not.
// A payload's wait is predicted, not measured, so that it is dropped before it has cost a number in the order.
//
// A sender notices a drop a round trip later, and what it sends less is missed in the queue another one later. What is
// dropped meanwhile is not answered but makes it slower than the links are: so the next drop waits for that.
#ifndef WARP_CONTROL_BONDING_CODEL_H_
#define WARP_CONTROL_BONDING_CODEL_H_

#include <algorithm>
#include <chrono>
#include <cmath>

#include "dataplane/wire/time.h"

namespace warp::bonding {

class Codel {
 public:
  static constexpr wire::Duration kTarget = std::chrono::milliseconds(20);
  static constexpr wire::Duration kInterval = std::chrono::milliseconds(200);

  // True: drop the payload that would wait so long. `round_trip`: over the slowest of the paths, without what waits.
  bool Drops(wire::Instant now, wire::Duration wait, wire::Duration round_trip) {
    if (wait < kTarget) {
      above_since_ = wire::Instant{};
      dropping_ = false;
      return false;
    }
    if (above_since_ == wire::Instant{}) above_since_ = now;
    if (now < above_since_ + kInterval) return false;
    if (!dropping_) {
      dropping_ = true;
      count_ = count_ > 2 && now < next_ + 8 * kInterval ? count_ - 2 : 1;
      next_ = now + Step(wait, round_trip);
      return true;
    }
    if (now < next_) return false;
    ++count_;
    next_ += Step(wait, round_trip);
    return true;
  }

 private:
  // Who does not answer at all must not fill a queue for ever.
  static constexpr wire::Duration kLongestAnswer = std::chrono::seconds(1);

  // The first three wait for the answer; where there is none, or several senders each need a drop, time shrinks faster
  // than the root of their number, until it is that of RFC 8289.
  wire::Duration Step(wire::Duration wait, wire::Duration round_trip) const {
    const wire::Duration answer = std::min(2 * (wait + round_trip), kLongestAnswer);
    const auto step = [](auto time) { return std::chrono::duration_cast<wire::Duration>(time); };
    return std::max(step(kInterval / std::sqrt(count_)), step(answer / std::max(1.0, count_ - 2)));
  }

  wire::Instant above_since_{};
  wire::Instant next_{};
  double count_ = 0;
  bool dropping_ = false;
};

}  // namespace warp::bonding

#endif  // WARP_CONTROL_BONDING_CODEL_H_
