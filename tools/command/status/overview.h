// A node on one screen: whether it works, what is wrong and what to do about it, and whether each link is worth its
// money.
#ifndef WARP_TOOLS_COMMAND_STATUS_OVERVIEW_H_
#define WARP_TOOLS_COMMAND_STATUS_OVERVIEW_H_

#include <nlohmann/json.hpp>
#include <string>

namespace warp::tools {

std::string OverviewText(const nlohmann::json& status);

}  // namespace warp::tools

#endif  // WARP_TOOLS_COMMAND_STATUS_OVERVIEW_H_
