// The paths of one peer: every usable pair of a local port and a remote endpoint.
#ifndef WARP_CONTROL_PROTOCOL_PATH_PATH_SET_H_
#define WARP_CONTROL_PROTOCOL_PATH_PATH_SET_H_

#include <map>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "control/protocol/path/endpoint_book.h"
#include "control/protocol/path/path.h"
#include "control/protocol/port_state.h"

namespace warp::protocol {

using Ports = std::map<PortId, PortState>;

// Why a port cannot reach an endpoint now: "port down", or "no address" of the endpoint's family and scope. Empty where
// it can.
absl::string_view WhyUnusable(const PortState& port, const wire::Endpoint& endpoint);

class PathSet {
 public:
  // Brings the paths in line with ports and endpoints. New paths are candidates. Paths whose port or endpoint is gone
  // are gone. Paths whose port cannot reach the endpoint now are lost at once. A path that was never usable is not
  // made. True when anything changed.
  bool Reconcile(Instant now, const Ports& ports, std::span<const EndpointBook::Known> endpoints,
                 PathId* next_id);

  Path* Find(const Route& route);
  bool IsActive(const wire::Endpoint& endpoint) const;

  std::vector<Route> ActiveRoutes() const;
  // The active paths' routes, then as many of the other usable ones as `allow` grants, beginning with another one each
  // time.
  std::vector<Route> AllRoutes(absl::FunctionRef<bool()> allow);

  std::vector<Path>& paths() { return paths_; }
  const std::vector<Path>& paths() const { return paths_; }

 private:
  std::vector<Path> paths_;  // by port, then in the order in which they were made
  size_t rotations_ = 0;     // of AllRoutes
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_PATH_PATH_SET_H_
