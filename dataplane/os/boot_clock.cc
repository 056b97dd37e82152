#include "dataplane/os/boot_clock.h"

#include <time.h>

namespace warp::os {
namespace {

int64_t Read(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

}  // namespace

wire::Instant Now() { return wire::Instant(wire::Duration(Read(CLOCK_BOOTTIME))); }

uint64_t WallClockHint() {
  const int64_t now = Read(CLOCK_REALTIME);
  return now < 0 ? 0 : static_cast<uint64_t>(now);
}

}  // namespace warp::os
