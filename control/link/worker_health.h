// Tells which workers are alive. A worker that neither sleeps nor moves its heartbeat must hold up no others, so
// control skips the paths of its ports and moves the tunnels that are at home there. Control thread only.
#ifndef WARP_CONTROL_LINK_WORKER_HEALTH_H_
#define WARP_CONTROL_LINK_WORKER_HEALTH_H_

#include <vector>

#include "dataplane/facade/dataplane.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class WorkerHealth {
 public:
  explicit WorkerHealth(const lcore::Dataplane& dataplane);

  // Looks at every worker. True when one was lost or came back. Call about every 100 ms.
  bool Check(wire::Instant now);

  bool alive(wire::WorkerId worker) const { return workers_[worker].alive; }

 private:
  // Longer than the scheduler of a busy shared machine keeps a thread from running.
  static constexpr wire::Duration kStaleAfter = std::chrono::seconds(1);

  struct Worker {
    uint64_t heartbeat = 0;
    wire::Instant moved;
    bool alive = true;
  };

  const lcore::Dataplane& dataplane_;
  std::vector<Worker> workers_;
  wire::Instant last_check_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LINK_WORKER_HEALTH_H_
