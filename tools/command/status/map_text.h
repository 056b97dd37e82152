// What `warp status` shows of a map.
#ifndef WARP_TOOLS_COMMAND_STATUS_MAP_TEXT_H_
#define WARP_TOOLS_COMMAND_STATUS_MAP_TEXT_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace warp::tools {

// `status` is the whole document. Without its drops.
std::string MapText(const nlohmann::json& status);

}  // namespace warp::tools

#endif  // WARP_TOOLS_COMMAND_STATUS_MAP_TEXT_H_
