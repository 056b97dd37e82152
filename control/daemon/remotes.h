// The peers and maps of the configuration: makes them known to the protocol, and goes on telling it the addresses
// behind their names. Control thread only.
#ifndef WARP_CONTROL_DAEMON_REMOTES_H_
#define WARP_CONTROL_DAEMON_REMOTES_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "control/config/node_config.h"
#include "control/loop/loop.h"
#include "control/loop/resolver.h"
#include "control/protocol/map/map_driver.h"
#include "control/protocol/node/node.h"

namespace warp::control {

class Remotes {
 public:
  // All outlive this.
  Remotes(Loop& loop, Resolver& resolver, protocol::Node& protocol)
      : loop_(loop),
        resolver_(resolver),
        protocol_(protocol),
        check_maps_(loop, [this] { CheckMaps(); }) {}

  // InvalidArgument where the public key is this node's own or another peer's. Peers get their ids in the order of
  // these calls, from 0.
  absl::Status AddPeer(const config::PeerConfig& config, const config::NodeConfig& node);
  void AddMap(const config::MapServerConfig& config, const config::NodeSection& node);

  // Whether the peer is silent: its names are asked at once then, since it may be elsewhere now.
  void SetSilent(wire::PeerId peer, bool silent);

 private:
  using Names = std::vector<std::unique_ptr<Resolver::Name>>;
  struct Map {
    const protocol::MapDriver* driver;  // the protocol never removes a map
    std::unique_ptr<Resolver::Name> name;
  };
  void CheckMaps();
  void AddBoundEndpoints(wire::PeerId id, const config::PeerConfig& config,
                         const config::NodeConfig& node);

  Loop& loop_;
  Resolver& resolver_;
  protocol::Node& protocol_;
  std::vector<Names> peers_;  // by PeerId
  std::vector<Map> maps_;
  Timer check_maps_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_DAEMON_REMOTES_H_
