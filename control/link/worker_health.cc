#include "control/link/worker_health.h"

namespace warp::control {

WorkerHealth::WorkerHealth(const lcore::Dataplane& dataplane)
    : dataplane_(dataplane), workers_(dataplane.workers()) {}

bool WorkerHealth::Check(wire::Instant now) {
  // If this thread itself stood still, a heartbeat that did not move proves nothing.
  const bool we_were_away = now - last_check_ > kStaleAfter / 2;
  const bool we_were_late = now - last_check_ > kSilentAfter / 2;
  last_check_ = now;
  behind_ = false;
  bool changed = false;
  for (wire::WorkerId id = 0; id < workers_.size(); ++id) {
    Worker& worker = workers_[id];
    const uint64_t heartbeat = dataplane_.Heartbeat(id);
    const bool moves = heartbeat != worker.heartbeat || dataplane_.IsAsleep(id);
    const bool behind = dataplane_.IsBehind(id);
    behind_ |= behind;
    if (moves || we_were_away) worker.moved = now;
    // Tunnels that have left a silent worker leave nothing for it to do, so that only its heartbeat brings it back.
    if (moves || (!worker.silent && (!behind || we_were_late))) worker.heard = now;
    worker.heartbeat = heartbeat;
    worker.silent = now - worker.heard >= kSilentAfter;
    const bool alive = now - worker.moved <= kStaleAfter;
    changed |= alive != worker.alive;
    worker.alive = alive;
  }
  return changed;
}

wire::Instant WorkerHealth::NextCheck() const { return last_check_ + (behind_ ? kSoon : kLater); }

}  // namespace warp::control
