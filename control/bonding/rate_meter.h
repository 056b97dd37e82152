// How many bytes a second something is, lately: counted over half a second each.
#ifndef WARP_CONTROL_BONDING_RATE_METER_H_
#define WARP_CONTROL_BONDING_RATE_METER_H_

#include <chrono>
#include <cstdint>

#include "control/bonding/capacity.h"
#include "dataplane/wire/time.h"

namespace warp::bonding {

class RateMeter {
 public:
  void Note(Instant now, uint64_t bytes) {
    bytes_ += bytes;
    const Duration since = now - since_;
    if (since < std::chrono::milliseconds(500)) return;
    rate_ = static_cast<double>(bytes_) / std::chrono::duration<double>(since).count();
    since_ = now;
    bytes_ = 0;
  }
  // Bytes a second, up to the last that were noted.
  Rate last() const { return rate_; }
  // The same; 0 where nothing has come for some time.
  Rate Now(Instant now) const { return now - since_ > std::chrono::seconds(2) ? 0 : rate_; }

 private:
  Instant since_{};
  uint64_t bytes_ = 0;
  Rate rate_ = 0;
};

}  // namespace warp::bonding

#endif  // WARP_CONTROL_BONDING_RATE_METER_H_
