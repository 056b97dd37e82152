// The keys of a port.
#ifndef WARP_CONTROL_CONFIG_PORT_SCHEMA_H_
#define WARP_CONTROL_CONFIG_PORT_SCHEMA_H_

#include "control/config/node_config.h"
#include "control/config/schema/schema.h"

namespace warp::config {

inline constexpr int kMaxCpu = 1023;  // the highest CPU number that is accepted

const SectionOf<PortConfig>& PortSchema();

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_PORT_SCHEMA_H_
