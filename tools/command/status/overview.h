// A node on one screen: whether it works, what is wrong and what to do about it, and whether each link is worth its
// money.
#ifndef WARP_TOOLS_COMMAND_STATUS_OVERVIEW_H_
#define WARP_TOOLS_COMMAND_STATUS_OVERVIEW_H_

#include <string>

#include "tools/watch/model/sample.h"

namespace warp::tools {

// Pure. What is judged here is judged as `warp top` and `warp web` do it (tools/watch/model/judgement.h).
std::string OverviewText(const Sample& sample);

}  // namespace warp::tools

#endif  // WARP_TOOLS_COMMAND_STATUS_OVERVIEW_H_
