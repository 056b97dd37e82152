#include "control/daemon/change_log.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "control/log/log.h"

namespace warp::control {

void ChangeLog::Note(const std::vector<protocol::PeerStatus>& peers, PortNameFunction port_name) {
  for (const protocol::PeerStatus& peer : peers) {
    auto& paths = paths_[peer.id];
    const auto old_paths = std::exchange(paths, {});
    bool& connected = connected_[peer.id];
    if (connected != peer.connected) {
      connected = peer.connected;
      connected ? ++connected_count_ : --connected_count_;
      LogInfo(absl::StrCat("peer ", peer.name, ": ", connected ? "connected" : "connecting", " (",
                           peer.reason, ")"));
    }
    if (!peer.twins.empty() && twins_since_[peer.id] != peer.twins_since) {
      twins_since_[peer.id] = peer.twins_since;
      LogWarning(absl::StrCat("peer ", peer.name, ": two nodes seem to use this key: ",
                              peer.twins.front().ToString(), ", ", peer.twins.back().ToString()));
    }
    for (const protocol::PathStatus& path : peer.paths) {
      paths[path.id] = path.state;
      const auto old = old_paths.find(path.id);
      const protocol::PathState before =
          old == old_paths.end() ? protocol::PathState::kCandidate : old->second;
      if (before == path.state) continue;
      LogInfo(absl::StrCat("peer ", peer.name, ": path ", port_name(path.port), " -> ",
                           path.remote.ToString(), " ", protocol::PathStateName(path.state), " (",
                           path.reason, ")"));
    }
  }
}

void ChangeLog::Forget(wire::PeerId peer) {
  const auto found = connected_.find(peer);
  if (found != connected_.end() && found->second) --connected_count_;
  connected_.erase(peer);
  twins_since_.erase(peer);
  paths_.erase(peer);
}

}  // namespace warp::control
