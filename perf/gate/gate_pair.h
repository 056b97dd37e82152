// The traffic of two nodes in one process, for measuring gates. It has real gates with real sockets at both ends, the
// traffic part of the control thread's turn, and a dataplane with one worker. A ring joins two lab ports, so that no
// network is the limit. Handshakes, paths and everything else that moves no payload are left out.
//
//   app ─► gate 0..n-1 (site A) ─► control ─► worker: seal ─ring─ open ─► control ─► gate (site B) ─► app
#ifndef WARP_PERF_GATE_GATE_PAIR_H_
#define WARP_PERF_GATE_GATE_PAIR_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/functional/function_ref.h"
#include "control/config/node_config.h"
#include "control/loop/loop.h"
#include "control/loop/spin_window.h"
#include "control/protocol/node/node.h"
#include "control/tunnel/route/peer_route.h"
#include "control/tunnel/traffic.h"
#include "dataplane/facade/dataplane.h"

namespace warp::perf {

// The time, in ns, that the control thread spent in stages that had something to do.
struct ControlCost {
  uint64_t out = 0;          // from gates to the worker's ring
  uint64_t completions = 0;  // reports of the workers
  uint64_t in = 0;           // from the worker's ring to gates
};

class GatePair {
 public:
  struct Options {
    int control_cpu = 0;
    int worker_cpu = 1;
    lcore::Polling polling = lcore::Polling::kAdaptive;
    // The control thread does the worker's part, and worker_cpu is unused.
    bool inline_worker = false;
    bool spin = false;  // the control thread never sleeps
  };
  // Initialises EAL, which is possible once in a process. Exits with a sentence if that fails.
  explicit GatePair(const Options& options);
  ~GatePair();

  // Replaces all tunnels: tunnel i is gate `near[i]` at site A and `far[i]` at site B.
  void Open(const std::vector<config::GateConfig>& near,
            const std::vector<config::GateConfig>& far);
  void Close();

  // Turns the control thread's loop in the calling thread, until `done`.
  void TurnUntil(absl::FunctionRef<bool()> done);

  const ControlCost& cost() const { return cost_; }
  uint64_t from_app() const;  // payloads that site A's gates took
  uint64_t to_app() const;    // payloads that site B's gates delivered
  uint64_t drops() const;     // counted by tunnels and gates

 private:
  size_t TurnOnce();

  const Options options_;
  std::unique_ptr<control::Loop> loop_;
  std::unique_ptr<lcore::Dataplane> dataplane_;
  std::unique_ptr<control::Watch> watch_;
  std::unique_ptr<protocol::Node> protocol_;
  control::PeerRoute routes_[2];
  std::vector<config::TunnelConfig> configs_;
  std::unique_ptr<control::Traffic> traffic_;
  control::SpinWindow spin_;
  ControlCost cost_;
};

}  // namespace warp::perf

#endif  // WARP_PERF_GATE_GATE_PAIR_H_
