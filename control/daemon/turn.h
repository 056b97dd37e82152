// One round of the control thread: a table of contents of what it does, and the sleep between two of them.
//
//   RunOnce:  opened packets ─► gates, protocol      completions ─► tunnels
//             handshakes ─► protocol                 foreign frames ─► companions
//             the loop's events (gates, netlink...)  protocol's timers, unless a handshake was read
//             snapshot, if something changed         protocol's datagrams
//             payloads ─► workers
//
// Payloads come first in each turn, and everything else has a budget, so that a flood of one kind delays no payload by
// more than a turn. One thread: the one that opened the parts.
#ifndef WARP_CONTROL_DAEMON_TURN_H_
#define WARP_CONTROL_DAEMON_TURN_H_

#include <cstddef>

#include "control/daemon/assembly.h"
#include "control/loop/spin_window.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class Turn {
 public:
  // `parts` outlives this.
  explicit Turn(Assembly& parts);

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

  Assembly& parts_;
  const bool spins_;  // never sleeps
  SpinWindow spin_;
  bool timers_wait_ = false;  // the protocol's, for the next turn
  size_t next_rank_ = 0;      // of handshake messages, as kHandshakeRanks has them
  wire::Instant next_check_;
  wire::Instant next_expiry_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_DAEMON_TURN_H_
