// The keys of `relay:` in warp-map's configuration.
#ifndef WARP_CONTROL_CONFIG_RELAY_RELAY_SCHEMA_H_
#define WARP_CONTROL_CONFIG_RELAY_RELAY_SCHEMA_H_

#include "control/config/relay/relay_config.h"
#include "control/config/schema/schema.h"

namespace warp::config {

const SectionOf<RelayConfig>& RelaySchema();

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_RELAY_RELAY_SCHEMA_H_
