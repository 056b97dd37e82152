// Asks a daemon for its status.
#ifndef WARP_TOOLS_COMMAND_STATUS_CLIENT_H_
#define WARP_TOOLS_COMMAND_STATUS_CLIENT_H_

#include <string>

#include "absl/status/statusor.h"

namespace warp::tools {

// Connects to the control socket at `path`. Returns what the daemon writes until it closes, at most 16 MiB and within 5
// s. The error is Unavailable, with one sentence, if no daemon answers.
absl::StatusOr<std::string> FetchStatus(const std::string& path);

}  // namespace warp::tools

#endif  // WARP_TOOLS_COMMAND_STATUS_CLIENT_H_
