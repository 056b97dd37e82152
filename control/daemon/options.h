// What a node's configuration means to its parts. Pure: what the machine is like comes as parameters.
#ifndef WARP_CONTROL_DAEMON_OPTIONS_H_
#define WARP_CONTROL_DAEMON_OPTIONS_H_

#include <cstdint>

#include "control/config/node_config.h"
#include "control/daemon/worker_plan.h"
#include "control/loop/spin_window.h"
#include "control/protocol/constants.h"
#include "dataplane/facade/dataplane.h"

namespace warp::control {

// `max_mtu`: of all ports.
lcore::DataplaneOptions DataplaneOptionsOf(const config::NodeConfig& config, const WorkerPlan& plan,
                                           uint16_t max_mtu);

protocol::Timers TimersOf(const config::TimersConfig& config);

// Whether the control thread never sleeps: it does not where it shares its CPU with others.
bool ControlSpins(const config::NodeConfig& config, const WorkerPlan& plan);

// How long it keeps polling where it does.
SpinWindow SpinWindowOf(const config::NodeConfig& config);

}  // namespace warp::control

#endif  // WARP_CONTROL_DAEMON_OPTIONS_H_
