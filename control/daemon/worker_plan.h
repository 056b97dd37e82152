// How many workers a node runs, and on which CPUs.
#ifndef WARP_CONTROL_DAEMON_WORKER_PLAN_H_
#define WARP_CONTROL_DAEMON_WORKER_PLAN_H_

#include <vector>

#include "control/config/node_config.h"

namespace warp::control {

struct WorkerPlan {
  std::vector<int> worker_cpus;  // one entry per worker: the CPU it owns, or -1; never empty
  bool inline_worker = false;    // the control thread does the work of the only one
};

// Makes one worker for each CPU that a port names. Ports that name none share further workers: as many as
// node.workers says or, where it is unset, one each as long as the control thread and each worker have a CPU. A pattern
// counts as all ports that it may have, so that those which come later find their workers running, asleep. The
// control thread does the work itself where no port names a CPU and node.workers is 0, or is unset on a machine with
// fewer than kCpusForWorkers CPUs. `cpus`: how many CPUs this process may use.
inline constexpr unsigned kCpusForWorkers = 3;

WorkerPlan PlanWorkers(const config::NodeConfig& config, unsigned cpus);

}  // namespace warp::control

#endif  // WARP_CONTROL_DAEMON_WORKER_PLAN_H_
