#include "control/link/worker_health.h"

namespace warp::control {

WorkerHealth::WorkerHealth(const lcore::Dataplane& dataplane)
    : dataplane_(dataplane), workers_(dataplane.workers()) {}

bool WorkerHealth::Check(wire::Instant now) {
  // If this thread itself stood still, a heartbeat that did not move proves nothing.
  const bool we_were_away = now - last_check_ > kStaleAfter / 2;
  last_check_ = now;
  bool changed = false;
  for (wire::WorkerId id = 0; id < workers_.size(); ++id) {
    Worker& worker = workers_[id];
    const uint64_t heartbeat = dataplane_.Heartbeat(id);
    if (heartbeat != worker.heartbeat || dataplane_.IsAsleep(id) || we_were_away) {
      worker.heartbeat = heartbeat;
      worker.moved = now;
    }
    const bool alive = now - worker.moved <= kStaleAfter;
    changed |= alive != worker.alive;
    worker.alive = alive;
  }
  return changed;
}

}  // namespace warp::control
