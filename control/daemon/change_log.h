// Writes a line to the log for each change of state of a peer or path, and for a key that two nodes use. Control thread
// only.
#ifndef WARP_CONTROL_DAEMON_CHANGE_LOG_H_
#define WARP_CONTROL_DAEMON_CHANGE_LOG_H_

#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "control/protocol/node/node.h"

namespace warp::control {

class ChangeLog {
 public:
  using PortNameFunction = absl::FunctionRef<std::string(wire::PortId)>;

  // Logs what differs from the last call that named the peer.
  void Note(const std::vector<protocol::PeerStatus>& peers, PortNameFunction port_name);

  // The peer is gone.
  void Forget(wire::PeerId peer);

  size_t connected() const { return connected_count_; }  // peers, as last noted

 private:
  absl::flat_hash_map<wire::PeerId, bool> connected_;
  size_t connected_count_ = 0;
  absl::flat_hash_map<wire::PeerId, wire::Instant>
      twins_since_;  // of peers whose key two nodes use
  absl::flat_hash_map<wire::PeerId, absl::flat_hash_map<wire::PathId, protocol::PathState>> paths_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_DAEMON_CHANGE_LOG_H_
