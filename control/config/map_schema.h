// The keys of warp-map's configuration.
#ifndef WARP_CONTROL_CONFIG_MAP_SCHEMA_H_
#define WARP_CONTROL_CONFIG_MAP_SCHEMA_H_

#include "control/config/map_config.h"
#include "control/config/schema/schema.h"

namespace warp::config {

const SectionOf<MapConfig>& MapSchema();

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_MAP_SCHEMA_H_
