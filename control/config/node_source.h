// A node's configuration out of text that is in memory with all that is known of where it comes from: for those who
// need the text as well (diff/node_file.h).
#ifndef WARP_CONTROL_CONFIG_NODE_SOURCE_H_
#define WARP_CONTROL_CONFIG_NODE_SOURCE_H_

#include "absl/status/statusor.h"
#include "control/config/node_config.h"
#include "control/config/schema/load.h"

namespace warp::config {

// As LoadNodeConfig does with the text of its file.
absl::StatusOr<NodeConfig> ParseNode(const Source& source);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_NODE_SOURCE_H_
