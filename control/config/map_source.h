// As node_source.h, of a map.
#ifndef WARP_CONTROL_CONFIG_MAP_SOURCE_H_
#define WARP_CONTROL_CONFIG_MAP_SOURCE_H_

#include "absl/status/statusor.h"
#include "control/config/map_config.h"
#include "control/config/schema/load.h"

namespace warp::config {

// As LoadMapConfig does with the text of its file.
absl::StatusOr<MapConfig> ParseMap(const Source& source);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_MAP_SOURCE_H_
