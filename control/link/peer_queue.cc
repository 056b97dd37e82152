#include "control/link/peer_queue.h"

namespace warp::control {

void PeerQueue::Add(wire::PeerId peer, bool urgent) {
  if (states_.size() <= peer) states_.resize(peer + size_t{1}, State::kAbsent);
  State& state = states_[peer];
  if (state == State::kUrgent || (state == State::kWaits && !urgent)) return;
  if (state == State::kWaits) --waiting_;
  state = urgent ? State::kUrgent : State::kWaits;
  if (!urgent) ++waiting_;
  (urgent ? urgent_ : others_).push_back(peer);
}

std::vector<wire::PeerId> PeerQueue::Take(size_t limit) {
  std::vector<wire::PeerId> taken;
  while (taken.size() < limit && !empty()) {
    std::deque<wire::PeerId>& queue = urgent_.empty() ? others_ : urgent_;
    const wire::PeerId peer = queue.front();
    queue.pop_front();
    State& state = states_[peer];
    if (&queue == &others_) {
      if (state != State::kWaits) continue;
      --waiting_;
    }
    state = State::kAbsent;
    taken.push_back(peer);
  }
  return taken;
}

}  // namespace warp::control
