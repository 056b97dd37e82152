// A budget in 4 bytes, of which there may be millions: a burst at once, and a number each second after that.
#ifndef WARP_CONTROL_PROTOCOL_SMALL_BUCKET_H_
#define WARP_CONTROL_PROTOCOL_SMALL_BUCKET_H_

#include <algorithm>
#include <cstdint>

#include "control/protocol/constants.h"

namespace warp::protocol {

// Of a bucket; up to 10,000 a second. The whole burst has to come back within a few hours.
struct BucketRate {
  constexpr BucketRate(uint32_t burst, uint32_t per_second)
      : interval(kTicksPerSecond / per_second), most(interval * burst) {}
  // A tick has 16.384 µs.
  static constexpr int kTickShift = 14;
  static constexpr uint32_t kTicksPerSecond = (1'000'000'000 >> kTickShift);

  uint32_t interval;  // ticks that a token takes to come back
  uint32_t most;      // those of the whole burst
};

// It keeps the time at which all tokens will be there again (the generic cell rate algorithm of ITU-T I.371). The time
// wraps after 19 hours; a bucket that was not used for that long may then have fewer tokens than are its due, once.
class SmallBucket {
 public:
  // Takes one token if there is one.
  bool Take(Instant now, const BucketRate& rate) {
    const uint32_t ticks = Ticks(now);
    const uint32_t wait = Wait(ticks, rate);
    if (wait + rate.interval > rate.most) return false;
    full_at_ = ticks + wait + rate.interval;
    return true;
  }
  // Tokens that were taken and are not there again.
  uint32_t Used(Instant now, const BucketRate& rate) const {
    return Wait(Ticks(now), rate) / rate.interval;
  }
  // Whether Take would take one now.
  bool Has(Instant now, const BucketRate& rate) const {
    return Wait(Ticks(now), rate) + rate.interval <= rate.most;
  }

 private:
  static uint32_t Ticks(Instant now) {
    return static_cast<uint32_t>(static_cast<uint64_t>(now.time_since_epoch().count()) >>
                                 BucketRate::kTickShift);
  }
  // Until all tokens are there. What is further away than a burst is a time that has passed.
  uint32_t Wait(uint32_t ticks, const BucketRate& rate) const {
    const uint32_t wait = full_at_ - ticks;
    return wait <= rate.most ? wait : 0;
  }

  uint32_t full_at_ = 0;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_SMALL_BUCKET_H_
