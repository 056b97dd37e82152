// How the control thread sleeps: until a worker has something for it, an event of the loop happens, or time is over.
#ifndef WARP_CONTROL_DAEMON_SLEEP_H_
#define WARP_CONTROL_DAEMON_SLEEP_H_

#include "control/loop/loop.h"
#include "control/loop/spin_window.h"
#include "dataplane/facade/dataplane.h"
#include "dataplane/wire/time.h"

namespace warp::control {

// Returns at once where the workers have something already. `inline_worker`: this thread polls the ports itself, so
// they wake it too. `spin` learns how long the sleep was.
void SleepUntilWork(Loop& loop, lcore::Dataplane& dataplane, bool inline_worker,
                    wire::Duration longest, SpinWindow& spin);

}  // namespace warp::control

#endif  // WARP_CONTROL_DAEMON_SLEEP_H_
