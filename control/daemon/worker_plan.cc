#include "control/daemon/worker_plan.h"

#include <algorithm>

namespace warp::control {

WorkerPlan PlanWorkers(const config::NodeConfig& config, unsigned cpus) {
  WorkerPlan plan;
  size_t sharing = 0;  // ports that name no CPU, as many as there may come to be
  for (const config::PortConfig& port : config.ports) {
    if (!port.cpu.has_value()) {
      sharing += port.is_pattern() ? config.PatternRoom() : 1;
    } else if (std::find(plan.worker_cpus.begin(), plan.worker_cpus.end(), *port.cpu) ==
               plan.worker_cpus.end()) {
      plan.worker_cpus.push_back(*port.cpu);
    }
  }
  if (sharing > 0) {
    const size_t taken = plan.worker_cpus.size() + 1;  // the control thread needs a CPU, too
    const size_t left = cpus > taken ? cpus - taken : 1;
    const size_t automatic = cpus < kCpusForWorkers ? 0 : std::min<size_t>(sharing, left);
    const size_t workers = config.node.workers.value_or(static_cast<uint16_t>(automatic));
    plan.inline_worker = workers == 0 && plan.worker_cpus.empty();
    plan.worker_cpus.insert(plan.worker_cpus.end(), std::max<size_t>(workers, 1), -1);
  }
  if (plan.worker_cpus.size() > config.node.max_ports) {
    plan.worker_cpus.resize(config.node.max_ports);
  }
  return plan;
}

}  // namespace warp::control
