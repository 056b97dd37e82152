// Instants and durations of the protocol. The code that uses them reads no clock: `now` is always a parameter.
#ifndef WARP_DATAPLANE_WIRE_TIME_H_
#define WARP_DATAPLANE_WIRE_TIME_H_

#include <chrono>
#include <cstdint>

namespace warp::wire {

// Time since boot, suspend included: CLOCK_BOOTTIME in production (dataplane/os/boot_clock.h), a variable in tests. It
// is not a Clock in the standard's sense, because it has no now().
struct BootClock {
  using rep = int64_t;
  using period = std::nano;
  using duration = std::chrono::nanoseconds;
  using time_point = std::chrono::time_point<BootClock, duration>;
  static constexpr bool is_steady = true;
};

using Duration = BootClock::duration;
using Instant = BootClock::time_point;

inline constexpr Instant kNever = Instant::max();  // the time of a timer that is not running

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_TIME_H_
