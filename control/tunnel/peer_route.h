// What the tunnels need to know of a peer in order to send: derived from the snapshot that is
// published, by whoever built it.
#ifndef WARP_CONTROL_TUNNEL_PEER_ROUTE_H_
#define WARP_CONTROL_TUNNEL_PEER_ROUTE_H_

#include <cstddef>
#include <memory>
#include <vector>

#include "dataplane/facade/snapshot.h"
#include "dataplane/wire/session/session.h"

namespace warp::control {

struct PeerRoute {
  wire::PeerId peer = wire::kNoPeer;
  std::shared_ptr<wire::Session> session;  // the one to send under; null where none is confirmed
  size_t max_plaintext =
      0;  // inner header and contents that fit every sending path unfragmented; bytes
  std::vector<wire::WorkerId>
      homes;  // workers with a sending path, healthy ones only; empty: nothing can be sent

  bool ready() const { return session != nullptr && !homes.empty(); }
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_PEER_ROUTE_H_
