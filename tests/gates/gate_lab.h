// A gate and everything behind it except the network: real sockets, the traffic part of the control thread's turn, a
// dataplane with its workers, and lab ports that refuse as they are told. The thread that makes it is the control
// thread.
//
//   application threads ─► gate ─► tunnel ─► workers ─► lab ports ─► nobody
#ifndef WARP_TESTS_GATES_GATE_LAB_H_
#define WARP_TESTS_GATES_GATE_LAB_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/config/node_config.h"
#include "control/loop/loop.h"
#include "control/loop/spin_window.h"
#include "control/protocol/node/node.h"
#include "control/tunnel/route/peer_route.h"
#include "control/tunnel/traffic.h"
#include "dataplane/lcore/plane/dpdk_dataplane.h"

namespace warp::control {

class GateLab {
 public:
  // Makes a path for each of `devices`, which are arguments of lab ports (",rate=1000"). Each path has a worker to
  // itself; with `inline_worker`, the control thread does the work of all, as on machines with few CPUs.
  GateLab(const std::vector<std::string>& devices, const config::TunnelConfig& tunnel,
          bool inline_worker = false);
  ~GateLab();

  // Runs the control thread's turns until `done`. Fails the test after a minute.
  void TurnUntil(const std::function<bool()>& done);
  // Calls each of `applications` once on a thread of its own, and turns until all have returned.
  void TurnWhile(const std::vector<std::function<void()>>& applications);

  // Lets the port of the path take one packet more. Any thread.
  void Grant(size_t path);

  // Takes all paths, or gives them back: first in the workers' table, then in the tunnel's route, as control does it.
  // The third takes them from the workers alone, so that the tunnel still sends to them. Control thread.
  void TakePaths();
  void GivePaths();
  void TakePathsFromWorkers() { Publish(/*paths=*/false); }

  // How many payloads ended as a drop of the tunnel or its gate.
  uint64_t Lost() const;
  const Tunnel& tunnel() const { return *traffic_->tunnels()[0]; }
  void CloseGate() { traffic_->CloseGates(); }

 private:
  void AddPath(size_t index, const std::string& arguments);
  void Publish(bool paths);
  size_t TurnOnce();

  const config::TunnelConfig config_;
  const bool inline_worker_;
  SpinWindow spin_;
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<lcore::DpdkDataplane> plane_;
  std::unique_ptr<Watch> watch_;
  std::unique_ptr<protocol::Node> protocol_;
  std::shared_ptr<wire::Session> session_;
  lcore::Snapshot table_;  // without its peer
  lcore::PeerEntry peer_;
  PeerRoute route_;
  std::vector<wire::WorkerId> homes_;
  std::vector<wire::PortId> ports_;
  std::unique_ptr<Traffic> traffic_;
};

}  // namespace warp::control

#endif  // WARP_TESTS_GATES_GATE_LAB_H_
