// The keys of warpd's configuration.
#ifndef WARP_CONTROL_CONFIG_NODE_SCHEMA_H_
#define WARP_CONTROL_CONFIG_NODE_SCHEMA_H_

#include "control/config/node_config.h"
#include "control/config/schema/schema.h"

namespace warp::config {

const SectionOf<NodeConfig>& NodeSchema();

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_NODE_SCHEMA_H_
