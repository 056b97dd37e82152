// What `warp status` shows of a node, as JSON. docs/status.md explains each field, and a test holds the page against
// what this file writes. Control thread only.
#ifndef WARP_CONTROL_STATUS_STATUS_JSON_H_
#define WARP_CONTROL_STATUS_STATUS_JSON_H_

#include <string>
#include <vector>

#include "control/config/node_config.h"
#include "control/link/links.h"
#include "control/protocol/node/node.h"
#include "control/tunnel/traffic.h"
#include "dataplane/facade/dataplane.h"
#include "dataplane/wire/time.h"

namespace warp::control {

// The parts of a node whose state the status shows, and what the protocol says about its peers and maps at this moment.
struct NodeView {
  const config::NodeConfig& config;
  const protocol::Node& protocol;
  const lcore::Dataplane& dataplane;
  const Links& links;
  const Traffic& traffic;
  std::vector<protocol::PeerStatus> peers;
  std::vector<protocol::MapStatus> maps;
  absl::string_view loop;  // the back end of the event loop
  wire::Instant started;
  bool stopping = false;
};

// Returns one JSON object on one line, with a newline at its end.
std::string NodeStatusJson(wire::Instant now, const NodeView& view);

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_STATUS_JSON_H_
