// How a peer follows timers and a window that have changed. The rest of it is in peer.cc.
#include <algorithm>
#include <utility>

#include "control/protocol/node/peer.h"

namespace warp::protocol {

void Peer::Retune(Instant now) {
  if (std::exchange(tuning_, context_.tuning) == context_.tuning) return;
  const Timers& timers = context_.identity.timers();
  const Duration before = std::exchange(probe_interval_, timers.probe_interval);
  Duration patience{};
  for (Path& path : paths_.paths()) {
    path.Retune(now, timers, before);
    patience = std::max(patience, path.patience(timers));
  }
  association_.Retune(now, PeerTerms(timers, context_.window), patience);
}

}  // namespace warp::protocol
