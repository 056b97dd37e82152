// Peers that wait for a snapshot to take them, each once. Every snapshot takes some, so that its cost does not grow
// with the number of peers that changed. Control thread only.
#ifndef WARP_CONTROL_LINK_PEER_QUEUE_H_
#define WARP_CONTROL_LINK_PEER_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "dataplane/wire/ids.h"

namespace warp::control {

class PeerQueue {
 public:
  // A peer that waits already keeps its place, but one that turns urgent goes before all that are not. Ids should be
  // dense.
  void Add(wire::PeerId peer, bool urgent = false);

  // Removes up to `limit` peers and returns them: the urgent ones first, each kind in the order of Add.
  std::vector<wire::PeerId> Take(size_t limit);

  bool empty() const { return urgent_.empty() && waiting_ == 0; }
  bool has_urgent() const { return !urgent_.empty(); }

 private:
  enum class State : uint8_t { kAbsent, kWaits, kUrgent };

  std::vector<State> states_;  // by PeerId
  std::deque<wire::PeerId> urgent_;
  std::deque<wire::PeerId> others_;  // some of them have turned urgent, or were taken, since
  size_t waiting_ = 0;               // in State::kWaits
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LINK_PEER_QUEUE_H_
