// Translates a node's configuration into the options of its parts. Pure: facts about the machine are parameters.
#ifndef WARP_CONTROL_DAEMON_OPTIONS_H_
#define WARP_CONTROL_DAEMON_OPTIONS_H_

#include <cstdint>

#include "control/config/node_config.h"
#include "control/daemon/worker_plan.h"
#include "control/loop/spin_window.h"
#include "control/protocol/constants.h"
#include "dataplane/facade/dataplane.h"

namespace warp::control {

// `max_mtu`: the largest of all ports.
lcore::DataplaneOptions DataplaneOptionsOf(const config::NodeConfig& config, const WorkerPlan& plan,
                                           uint16_t max_mtu);

protocol::Timers TimersOf(const config::TimersConfig& config);

// Returns whether the control thread never sleeps. It may spin only where nobody else needs its CPU.
bool ControlSpins(const config::NodeConfig& config, const WorkerPlan& plan);

// How long a control thread that sleeps keeps polling before it does.
SpinWindow SpinWindowOf(const config::NodeConfig& config);

}  // namespace warp::control

#endif  // WARP_CONTROL_DAEMON_OPTIONS_H_
