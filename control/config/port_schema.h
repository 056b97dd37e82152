// The keys of a port, and what must hold of all ports together.
#ifndef WARP_CONTROL_CONFIG_PORT_SCHEMA_H_
#define WARP_CONTROL_CONFIG_PORT_SCHEMA_H_

#include "control/config/node_config.h"
#include "control/config/schema/reader.h"
#include "control/config/schema/schema.h"

namespace warp::config {

inline constexpr int kMaxCpu = 1023;  // the highest CPU number that is accepted

const SectionOf<PortConfig>& PortSchema();

// Names, interfaces and devices are taken once, and there is room for all ports.
void CheckPorts(Reader& reader, const NodeConfig& config);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_PORT_SCHEMA_H_
