// A running warpd: every part of it, and the turn of the control thread that drives them.
//
//   RunOnce:  opened packets ─► gates, protocol      completions ─► tunnels
//             handshakes ─► protocol                 foreign frames ─► companions
//             io_uring events (gates, netlink, ...)  protocol's timers
//             snapshot, if something changed         protocol's datagrams
//             payloads ─► workers
//
// Payloads come first in each turn, everything else under a budget. One thread: the one that called
// Create.
#ifndef WARP_CONTROL_DAEMON_DAEMON_H_
#define WARP_CONTROL_DAEMON_DAEMON_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "control/config/node_config.h"
#include "control/daemon/change_log.h"
#include "control/kernel/companion.h"
#include "control/kernel/netlink.h"
#include "control/link/forwarding_builder.h"
#include "control/link/next_hop_table.h"
#include "control/link/port_table.h"
#include "control/link/transmitter.h"
#include "control/link/worker_health.h"
#include "control/loop/loop.h"
#include "control/loop/resolver.h"
#include "control/loop/signals.h"
#include "control/loop/spin_window.h"
#include "control/protocol/node/node.h"
#include "control/status/status_json.h"
#include "control/status/status_server.h"
#include "control/tunnel/traffic.h"
#include "dataplane/facade/dataplane.h"
#include "dataplane/os/unique_fd.h"

namespace warp::control {

class Node : public PortListener {
 public:
  // Opens everything, or says in one sentence what could not be and leaves nothing behind.
  static absl::StatusOr<std::unique_ptr<Node>> Create(config::NodeConfig config);

  // Runs until SIGTERM or SIGINT; then sends what waits, says goodbye to peers and maps, returns.
  void Run();

 private:
  explicit Node(config::NodeConfig config);
  absl::Status Open();
  absl::Status OpenDataplane();
  void OpenProtocol();
  absl::Status OpenPeers();
  void OpenMaps();
  absl::Status OpenTunnels();

  // PortListener.
  void OnPortChanged(wire::PortId port) override;
  void OnPortClosing(wire::PortId port) override;

  // The stages of a turn. Each returns how much it did.
  size_t RunOnce();
  size_t ReceiveMessages();
  void ServeProtocol();
  void Housekeep();

  void PublishIfChanged();
  void SendTransmits();
  void SleepUntilNeeded();
  void Stop();
  std::string StatusText();

  const config::NodeConfig config_;
  wire::Instant now_;  // of this turn
  wire::Instant started_;
  bool stopping_ = false;
  bool inline_worker_ = false;  // this thread turns it
  bool spins_ = false;          // never sleeps

  // In order of construction; destroyed in reverse. docs/threads.md has the picture.
  std::unique_ptr<Loop> loop_;
  std::unique_ptr<Signals> signals_;
  os::UniqueFd port_guard_;
  std::unique_ptr<Netlink> netlink_;
  std::unique_ptr<Resolver> resolver_;
  std::unique_ptr<lcore::Dataplane> dataplane_;
  std::unique_ptr<Watch> dataplane_watch_;  // wakes the loop; the rings are looked at every turn
  std::unique_ptr<protocol::Node> protocol_;
  std::unique_ptr<ForwardingBuilder> forwarding_;
  std::unique_ptr<NextHopTable> next_hops_;
  std::unique_ptr<Transmitter> transmitter_;
  std::unique_ptr<WorkerHealth> health_;
  std::unique_ptr<Traffic> traffic_;
  std::unique_ptr<PortTable> ports_;
  std::vector<std::unique_ptr<Subscription>> names_;
  std::unique_ptr<StatusServer> status_server_;
  ChangeLog change_log_;

  bool forwarding_changed_ = true;  // a port or next hop did; the protocol tells by its version
  uint64_t protocol_version_ = 0;
  wire::Instant next_housekeeping_;
  wire::Instant next_sweep_;
  SpinWindow spin_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_DAEMON_DAEMON_H_
