#include "control/daemon/sleep.h"

namespace warp::control {

using wire::Duration;

void SleepUntilWork(Loop& loop, lcore::Dataplane& dataplane, bool inline_worker, Duration longest,
                    SpinWindow& spin) {
  const wire::Instant begin = loop.now();
  if (dataplane.ArmSleep()) {
    if (inline_worker) {
      const Duration time = loop.ArmSleep(longest);
      loop.DisarmSleep(time > Duration::zero() && dataplane.Wait(loop.wake_fd(), time));
    } else {
      loop.Wait(longest);
    }
  }
  dataplane.Disarm();
  spin.Slept(loop.ReadClock() - begin);
}

}  // namespace warp::control
