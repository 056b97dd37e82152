// The two clocks of the control thread. Beside it only the making of a forwarding table, on the same thread, reads one,
// and each carrier on its own.
#ifndef WARP_DATAPLANE_OS_BOOT_CLOCK_H_
#define WARP_DATAPLANE_OS_BOOT_CLOCK_H_

#include <cstdint>

#include "dataplane/wire/time.h"

namespace warp::os {

// CLOCK_BOOTTIME: goes on while the machine sleeps, is never set.
wire::Instant Now();

// CLOCK_REALTIME, nanoseconds since 1970: the hint in handshakes, wrong on boards without a
// battery.
uint64_t WallClockHint();

}  // namespace warp::os

#endif  // WARP_DATAPLANE_OS_BOOT_CLOCK_H_
