// Whether a payload is dropped at the door of a queue that stands (CoDel, RFC 8289): where payloads have had to wait
// longer than `target` for a whole interval, one is dropped, and the next ones in ever shorter times until they do not.
// A payload's wait is predicted, not measured, so that it is dropped before it has cost a number in the order.
#ifndef WARP_CONTROL_BONDING_CODEL_H_
#define WARP_CONTROL_BONDING_CODEL_H_

#include <chrono>
#include <cmath>

#include "dataplane/wire/time.h"

namespace warp::bonding {

class Codel {
 public:
  static constexpr wire::Duration kTarget = std::chrono::milliseconds(20);
  static constexpr wire::Duration kInterval = std::chrono::milliseconds(200);

  // True: drop the payload that would wait so long.
  bool Drops(wire::Instant now, wire::Duration wait) {
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
      next_ = now + Step();
      return true;
    }
    if (now < next_) return false;
    ++count_;
    next_ += Step();
    return true;
  }

 private:
  wire::Duration Step() const {
    return std::chrono::duration_cast<wire::Duration>(kInterval / std::sqrt(count_));
  }

  wire::Instant above_since_{};
  wire::Instant next_{};
  double count_ = 0;
  bool dropping_ = false;
};

}  // namespace warp::bonding

#endif  // WARP_CONTROL_BONDING_CODEL_H_
