// Formats a daemon's status for a human.
#ifndef WARP_TOOLS_COMMAND_STATUS_TEXT_H_
#define WARP_TOOLS_COMMAND_STATUS_TEXT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace warp::tools {

// `json` is what warpd or warp-map writes to its control socket. Members that are missing or of another type are shown
// as "-": a newer or older daemon is no reason to show nothing. Without `details` a node is shown on one screen:
// whether it works, and what to do where it does not. InvalidArgument if it is no JSON object.
absl::StatusOr<std::string> StatusText(absl::string_view json, bool details);

}  // namespace warp::tools

#endif  // WARP_TOOLS_COMMAND_STATUS_TEXT_H_
