// What `warp status` shows, as JSON: docs/operations.md explains each field. Control thread only.
#ifndef WARP_CONTROL_STATUS_STATUS_JSON_H_
#define WARP_CONTROL_STATUS_STATUS_JSON_H_

#include <memory>
#include <string>
#include <vector>

#include "control/config/node_config.h"
#include "control/link/forwarding_builder.h"
#include "control/link/port_table.h"
#include "control/link/transmitter.h"
#include "control/link/worker_health.h"
#include "control/protocol/node/node.h"
#include "control/tunnel/inbound.h"
#include "control/tunnel/tunnel.h"
#include "dataplane/facade/dataplane.h"

namespace warp::control {

// The parts of a node that have something to tell.
struct NodeView {
  const config::NodeConfig& config;
  const protocol::Node& protocol;
  const lcore::Dataplane& dataplane;
  const ForwardingBuilder& forwarding;
  const PortTable& ports;
  const Transmitter& transmitter;
  const Inbound& inbound;
  const WorkerHealth& health;
  const std::vector<std::unique_ptr<Tunnel>>& tunnels;
  wire::Instant started;
  bool stopping = false;
};

// One JSON object on one line, newline at its end.
std::string NodeStatusJson(wire::Instant now, const NodeView& view);

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_STATUS_JSON_H_
