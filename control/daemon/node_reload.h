// What a reload does to the parts of a running warpd: each step reaches the part that it concerns. Control thread only.
#ifndef WARP_CONTROL_DAEMON_NODE_RELOAD_H_
#define WARP_CONTROL_DAEMON_NODE_RELOAD_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "control/config/node_config.h"
#include "control/daemon/remotes.h"
#include "control/daemon/worker_plan.h"
#include "control/link/links.h"
#include "control/reload/reload_target.h"
#include "control/tunnel/traffic.h"
#include "dataplane/facade/dataplane.h"

namespace warp::control {

class NodeReload : public ReloadTarget {
 public:
  // All outlive it.
  struct Context {
    std::shared_ptr<config::NodeConfig> config;  // of the node, which every part reads
    const WorkerPlan& plan;
    lcore::Dataplane& dataplane;
    // Of a port, as the file says or as its interface is now.
    std::function<uint16_t(const config::PortConfig&)> mtu_of;
    std::function<bool()> hooks_possible;  // there is a process that runs them
    Links& links;
    Traffic& traffic;
    Remotes& remotes;
    // As Traffic::AddTunnel has them.
    std::function<PeerBond::Allowed(const std::vector<config::PathRule>&)> allowed;
    PeerBond::PortPolicies policies;
    // The node has another key: what is kept under the one of before is kept under this one from now on.
    std::function<void()> own_key_changed;
    // The control socket is at this path from now on; on an error it is where it was.
    std::function<absl::Status(const std::string& path)> move_control_socket;
    // The peer is gone.
    std::function<void(wire::PeerId)> forget_peer;
    // What was said of a tunnel while it ran counts no more, or counts again (NodeRequests).
    std::function<std::optional<config::TunnelTerms>(const std::string& tunnel)> take_terms;
    std::function<void(const std::string& tunnel, const config::TunnelTerms&)> give_terms;
  };
  explicit NodeReload(Context context);

  // ReloadTarget.
  std::shared_ptr<const config::NodeConfig> shared_config() const override {
    return context_.config;
  }
  std::string Obstacles(const std::vector<config::EntryChange>& changes,
                        const config::NodeFile& after) const override;
  void Prepare(const std::vector<config::EntryChange>& changes,
               const config::NodeFile& after) override;
  absl::StatusOr<bool> Prepared() const override;
  void Exchange(config::NodeConfig& config) override;
  absl::Status Take(const Step& step, const config::NodeConfig& before,
                    const config::NodeConfig& after) override;
  absl::StatusOr<bool> Settled() const override;
  void End(std::span<const Step> lacking) override;

 private:
  std::string ObstacleOfNode(const config::EntryChange& change, const config::NodeFile& file) const;
  std::string ObstacleOfPeer(const config::PeerConfig& peer, const config::EntryChange& change,
                             const config::NodeFile& file) const;
  std::string ObstacleOf(const config::PortConfig& port, const config::EntryChange& change,
                         const config::NodeFile& file) const;
  absl::Status TakeNode(const Step& step, const config::NodeConfig& before,
                        const config::NodeConfig& after);
  absl::Status TakePort(const Step& step, const config::NodeConfig& before,
                        const config::NodeConfig& after);
  absl::Status TakeMap(const Step& step, const config::NodeConfig& before,
                       const config::NodeConfig& after);
  absl::Status TakePeer(const Step& step, const config::NodeConfig& before,
                        const config::NodeConfig& after);
  absl::Status TakeTunnel(const Step& step, const config::NodeConfig& before,
                          const config::NodeConfig& after);
  void MovePlaces(const wire::PublicKey& from, const wire::PublicKey& to);
  absl::Status OpenTunnel(const config::TunnelConfig& tunnel, const config::NodeConfig& config);
  void CloseTunnel(const config::TunnelConfig& tunnel, const config::NodeConfig& config);

  const Context context_;
  const std::set<std::string> cards_;  // PCI addresses, as known at start
  std::set<std::string> opened_;       // ports, by steps
  std::string mtu_place_;              // in the file: of the port that asks for the largest buffers
  // Of tunnels that have gone, by the peer's key (that it has now) and their id: the first place that they have not
  // given out. Who is at the other end goes on with the order of this life of the node, whatever comes and goes here.
  std::map<std::pair<wire::PublicKey, uint16_t>, uint32_t> places_;
  // What steps have taken of tunnels, by name, and steps that undo them give back.
  std::map<std::string, config::TunnelTerms> terms_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_DAEMON_NODE_RELOAD_H_
