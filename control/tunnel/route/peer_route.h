// The facts about a peer that tunnels need in order to send. Whoever builds a snapshot derives them together with it,
// so that tunnels and workers agree.
#ifndef WARP_CONTROL_TUNNEL_ROUTE_PEER_ROUTE_H_
#define WARP_CONTROL_TUNNEL_ROUTE_PEER_ROUTE_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/facade/snapshot.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/path_mask.h"
#include "dataplane/wire/session/session.h"
#include "dataplane/wire/time.h"

namespace warp::control {

// A path of the peer over which payloads are sent now.
struct RoutePath {
  wire::PathId id = 0;
  wire::PathSlot slot = wire::kNoPathSlot;  // its bit in SendRequest::paths
  wire::PortId port = 0;
  // The peer's own number of the port at the other end; none where it has not told.
  std::optional<uint16_t> remote_port;
  // Either end wants it to carry payloads only while no other path works; and another one does, as far as probes tell.
  bool last_resort = false;
  bool stands_by = false;
  uint64_t told_rate = 0;     // bytes a second that the peer lets come in by it; 0: no bound
  wire::WorkerId worker = 0;  // of the port
  size_t max_plaintext = 0;   // what fits it: inner header and contents, in bytes
  wire::Endpoint remote;
  wire::Duration round_trip{};  // as probes found it when the path changed last; zero: unknown
};

struct PeerRoute {
  wire::PeerId peer = wire::kNoPeer;
  // The session to send under; null where none is confirmed.
  std::shared_ptr<wire::Session> session;
  // The largest inner header with contents, in bytes, that fits some sending path unfragmented. Narrower paths are left
  // out of what does not fit them.
  size_t max_plaintext = 0;
  // The same of every sending path. What has to be cut is cut to this, so that all paths carry the pieces.
  size_t max_fragment = SIZE_MAX;
  // In the order of the snapshot's entry: by port.
  std::vector<RoutePath> paths;
  // The healthy workers that have a sending path. Empty: nothing can be sent.
  std::vector<wire::WorkerId> homes;

  bool ready() const { return session != nullptr && !homes.empty(); }
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_ROUTE_PEER_ROUTE_H_
