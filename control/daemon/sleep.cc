#include "control/daemon/sleep.h"

#include "dataplane/os/stop_point.h"

namespace warp::control {

using wire::Duration;

void SleepUntilWork(Loop& loop, lcore::Dataplane& dataplane, bool inline_worker, Duration longest,
                    SpinWindow& spin) {
  const wire::Instant begin = loop.now();
  if (dataplane.ArmSleep()) {
    WARP_STOP_POINT(control_sleeping);
    if (inline_worker) {
      const Duration time = loop.ArmSleep(longest);
      loop.DisarmSleep(time > Duration::zero() && dataplane.Wait(loop.wake_fd(), time));
    } else {
      loop.Wait(longest);
    }
  }
  WARP_STOP_POINT(control_woken);
  dataplane.Disarm();
  spin.Slept(loop.ReadClock() - begin);
}

}  // namespace warp::control
