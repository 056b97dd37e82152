// The clock of the protocol. Nothing in this directory reads it: `now` is always a parameter.
#ifndef WARP_DATAPLANE_WIRE_TIME_H_
#define WARP_DATAPLANE_WIRE_TIME_H_

#include <chrono>
#include <cstdint>

namespace warp::protocol {

// Time since boot, suspend included: CLOCK_BOOTTIME in production (read in control/ and map-server/
// alone), a variable in tests. Not a Clock in the standard's sense, as it has no now().
struct BootClock {
  using rep = int64_t;
  using period = std::nano;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<BootClock, duration>;
  static constexpr bool is_steady = true;
};

using Duration = BootClock::duration;
using Instant = BootClock::time_point;

inline constexpr Instant kNever = Instant::max();  // of a timer that is not running

}  // namespace warp::protocol

#endif  // WARP_DATAPLANE_WIRE_TIME_H_
