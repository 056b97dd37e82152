// The keys of a tunnel's gate.
#ifndef WARP_CONTROL_CONFIG_GATE_SCHEMA_H_
#define WARP_CONTROL_CONFIG_GATE_SCHEMA_H_

#include "control/config/node_config.h"
#include "control/config/schema/schema.h"

namespace warp::config {

const SectionOf<GateConfig>& GateSchema();

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_GATE_SCHEMA_H_
