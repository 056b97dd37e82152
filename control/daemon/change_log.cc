#include "control/daemon/change_log.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace warp::control {

void ChangeLog::Note(const std::vector<protocol::PeerStatus>& peers, PortNameFunction port_name) {
  auto old_paths = std::exchange(paths_, {});
  for (const protocol::PeerStatus& peer : peers) {
    bool& connected = connected_[peer.id];
    if (connected != peer.connected) {
      connected = peer.connected;
      spdlog::info("peer {}: {} ({})", peer.name, connected ? "connected" : "connecting",
                   std::string(peer.reason));
    }
    for (const protocol::PathStatus& path : peer.paths) {
      paths_[path.id] = path.state;
      const auto old = old_paths.find(path.id);
      const protocol::PathState before =
          old == old_paths.end() ? protocol::PathState::kCandidate : old->second;
      if (before == path.state) continue;
      spdlog::info("peer {}: path {} -> {} {} ({})", peer.name, port_name(path.port),
                   path.remote.ToString(), std::string(protocol::PathStateName(path.state)),
                   std::string(path.reason));
    }
  }
}

}  // namespace warp::control
