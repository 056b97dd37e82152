// How many workers a node runs, and on which CPUs.
#ifndef WARP_CONTROL_DAEMON_WORKER_PLAN_H_
#define WARP_CONTROL_DAEMON_WORKER_PLAN_H_

#include <vector>

#include "control/config/node_config.h"

namespace warp::control {

struct WorkerPlan {
  std::vector<int> worker_cpus;  // one entry per worker: the CPU it owns, or -1; never empty
  bool inline_worker = false;    // the only one is turned by the control thread
  bool pci = false;              // some port is a PCI device
};

// One worker for each CPU that a port names. Ports that name none share the other workers:
// node.workers of them, or one each as long as a CPU is left for each beside the control thread.
// Where no port names one and node.workers is 0, or unset with fewer than kCpusForWorkers CPUs, the
// control thread does their work. `cpus`: how many CPUs this process may use.
inline constexpr unsigned kCpusForWorkers = 3;

WorkerPlan PlanWorkers(const config::NodeConfig& config, unsigned cpus);

}  // namespace warp::control

#endif  // WARP_CONTROL_DAEMON_WORKER_PLAN_H_
