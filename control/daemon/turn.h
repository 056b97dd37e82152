// One round of the control thread: a table of contents of what it does, and the sleep between two of them.
//
//   RunOnce:  opened packets ─► gates, protocol      completions ─► tunnels
//             handshakes ─► protocol                 foreign frames ─► companions
//             devices that were opened ─► ports
//             the loop's events (gates, netlink...)  protocol's timers, unless a handshake was read
//             snapshot, if something changed         protocol's datagrams
//             payloads ─► workers
//
// Payloads come first in each turn, and everything else has a budget, so that a flood of one kind delays no payload by
// more than a turn. One thread: the one that opened the parts.
#ifndef WARP_CONTROL_DAEMON_TURN_H_
#define WARP_CONTROL_DAEMON_TURN_H_

#include <cstddef>

#include "control/config/node_config.h"
#include "control/daemon/worker_plan.h"
#include "control/link/links.h"
#include "control/loop/loop.h"
#include "control/loop/spin_window.h"
#include "control/protocol/node/node.h"
#include "control/tunnel/traffic.h"
#include "dataplane/facade/dataplane.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class Turn {
 public:
  // The parts that a turn moves. All outlive it.
  struct Parts {
    Loop& loop;
    lcore::Dataplane& dataplane;
    protocol::Node& protocol;
    Links& links;
    Traffic& traffic;
  };
  Turn(const Parts& parts, const config::NodeConfig& config, const WorkerPlan& plan);

  // Runs one turn. Never blocks. Returns how much it did.
  size_t RunOnce();

  // Between two turns, told what the first of them did: goes on looking for a while, then sleeps until an event or a
  // timer.
  void Rest(size_t work);

 private:
  // The stages.
  size_t ReceiveHandshakes();
  size_t ReceiveForeign();
  void ServeTimers(bool read_handshake);
  void Send();
  void CheckWorkers();
  void Expire();

  void Sleep();

  const Parts parts_;
  const bool inline_worker_;
  const bool spins_;  // never sleeps
  SpinWindow spin_;
  bool timers_wait_ = false;  // the protocol's, for the next turn
  size_t next_rank_ = 0;      // of handshake messages, as kHandshakeRanks has them
  wire::Instant next_check_;
  wire::Instant next_expiry_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_DAEMON_TURN_H_
