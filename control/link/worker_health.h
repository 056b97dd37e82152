// Tells which workers are alive. A worker that neither sleeps nor moves its heartbeat must hold up no others, in two
// grades:
//
//   silent   for 40 ms, while payloads wait for it. The tunnels that are at home there move; nothing else changes,
//            since a busy machine may keep a healthy thread from running for as long.
//   lost     for a second. Control skips the paths of its ports.
//
// Control thread only.
#ifndef WARP_CONTROL_LINK_WORKER_HEALTH_H_
#define WARP_CONTROL_LINK_WORKER_HEALTH_H_

#include <vector>

#include "dataplane/facade/dataplane.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class WorkerHealth {
 public:
  explicit WorkerHealth(const lcore::Dataplane& dataplane);

  // Looks at every worker. True when one was lost or came back. Call at NextCheck.
  bool Check(wire::Instant now);

  bool alive(wire::WorkerId worker) const { return workers_[worker].alive; }
  bool silent(wire::WorkerId worker) const { return workers_[worker].silent; }
  // When to look next: soon while payloads wait for some worker.
  wire::Instant NextCheck() const;
  // The same, after something was submitted at `now`.
  static wire::Instant NextCheckAfterSubmit(wire::Instant now) { return now + kSoon; }

 private:
  // Longer than the scheduler of a busy shared machine keeps a thread from running.
  static constexpr wire::Duration kStaleAfter = std::chrono::seconds(1);
  static constexpr wire::Duration kSilentAfter = std::chrono::milliseconds(40);
  static constexpr wire::Duration kSoon = std::chrono::milliseconds(5);
  static constexpr wire::Duration kLater = std::chrono::milliseconds(100);

  struct Worker {
    uint64_t heartbeat = 0;
    wire::Instant moved;
    wire::Instant heard;  // it moved, or nothing waited for it
    bool alive = true;
    bool silent = false;
  };

  const lcore::Dataplane& dataplane_;
  std::vector<Worker> workers_;
  wire::Instant last_check_;
  bool behind_ = false;  // payloads waited for some worker when this looked last
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LINK_WORKER_HEALTH_H_
