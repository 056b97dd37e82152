// The parts of a running warpd. Open opens them in the order in which they stand here; the destructor closes them in
// reverse. A part may use those above it and none below it, except through a callback, and no callback runs before the
// first turn. docs/threads.md has the picture.
#ifndef WARP_CONTROL_DAEMON_ASSEMBLY_H_
#define WARP_CONTROL_DAEMON_ASSEMBLY_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/cap/cap_keeper.h"
#include "control/carrier/carriers.h"
#include "control/config/node_config.h"
#include "control/daemon/node_reload.h"
#include "control/daemon/remotes.h"
#include "control/daemon/worker_plan.h"
#include "control/kernel/netlink.h"
#include "control/lan/lan_finder.h"
#include "control/link/links.h"
#include "control/link/size_hints.h"
#include "control/loop/loop.h"
#include "control/loop/resolver.h"
#include "control/loop/service_manager.h"
#include "control/loop/signals.h"
#include "control/observe/observer.h"
#include "control/protocol/node/node.h"
#include "control/reload/reload.h"
#include "control/status/control_socket.h"
#include "control/status/node_requests.h"
#include "control/status/status_json.h"
#include "control/tunnel/traffic.h"
#include "dataplane/facade/dataplane.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/time.h"

namespace warp::control {

class Assembly {
 public:
  // The error is one sentence that names what could not be opened, and nothing is left behind then.
  // `file` is where the configuration is from; `hooks`: of hook::StartHookProcess, or invalid.
  static absl::StatusOr<std::unique_ptr<Assembly>> Open(config::NodeConfig config,
                                                        const std::string& file,
                                                        os::UniqueFd hooks);

  // A reload puts another one in its place. Parts that read it look anew each time, and keep no address of what is in
  // it.
  const std::shared_ptr<config::NodeConfig> shared_config;  // which a helper thread may outlive
  config::NodeConfig& config;
  const WorkerPlan plan;
  wire::Instant started;
  bool stopping = false;  // SIGTERM or SIGINT came

  std::unique_ptr<Loop> loop;
  std::unique_ptr<Observer> observer;  // hears of what happens to any of the parts below
  std::unique_ptr<ServiceManager> service_manager;
  std::unique_ptr<Signals> signals;
  os::UniqueFd port_guard;  // keeps node.listen_port from other programs
  // These two look at other parts only in turns, when all are there.
  std::unique_ptr<NodeRequests> requests;
  std::unique_ptr<ControlSocket> control_socket;
  std::unique_ptr<Netlink> netlink;
  std::unique_ptr<Resolver> resolver;
  std::unique_ptr<lcore::Dataplane> dataplane;
  std::unique_ptr<Watch> dataplane_watch;  // ends a sleep; every turn looks at the rings anyway
  std::unique_ptr<protocol::Node> protocol;
  std::unique_ptr<SizeHints> size_hints;  // of port_guard, which gets the ICMP errors of most ports
  IcmpCounters icmp;                      // of these
  std::unique_ptr<cap::CapKeeper> caps;
  std::unique_ptr<Links> links;
  std::unique_ptr<Carriers> carriers;
  std::unique_ptr<Traffic> traffic;
  std::unique_ptr<Remotes> remotes;
  std::unique_ptr<LanFinder> lan;
  std::vector<wire::IpAddress> uplink_addresses;  // of ports that are up, as the resolver was told
  std::unique_ptr<NodeReload> reload_target;
  std::unique_ptr<Reload> reload;

  // Tells the service manager what there is of peers.
  void TellStatus();
  void TellResolver();

 private:
  explicit Assembly(config::NodeConfig config);

  // These open the parts, and are called in this order.
  absl::Status OpenLoop(os::UniqueFd hooks);
  absl::Status OpenClaims();
  absl::Status OpenKernel();
  uint16_t MtuOf(const config::PortConfig& port) const;
  uint16_t LargestMtu() const;
  absl::Status OpenDataplane();
  void OpenProtocol();
  absl::Status OpenCaps();
  void OpenLinks();
  absl::Status OpenPeersAndTunnels();
  absl::Status OpenPorts();
  void OpenMaps();
  void OpenReload(const std::string& file);
  void BeginReload();

  protocol::PathTraffic PathTrafficOf(wire::PathId path) const;
  std::optional<protocol::NewestArrival> NewestOf(wire::PathId path) const;
  PeerBond::PortPolicy PolicyOf(wire::PortId id) const;
  absl::Status SetTerms(const std::string& tunnel, const config::TunnelTerms& terms);
  // Says which paths these rules let carry payloads; null: all.
  PeerBond::Allowed AllowedBy(const std::vector<config::PathRule>& rules);
  void OnTermsChanged(const config::PortConfig& port);
  absl::Status SetCap(const std::string& port, uint64_t bytes);
  void OnPublished(const Links::Published& published);
  StatusServer::Reply Answer(const StatusServer::Request& request);
  // What the protocol says of the peers of the configuration from this place on, `count` at most.
  std::vector<protocol::PeerStatus> Peers(size_t first, size_t count) const;
  NodeView View() const;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_DAEMON_ASSEMBLY_H_
