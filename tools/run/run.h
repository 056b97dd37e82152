// `warp run` runs an unmodified application, whose blocking sends into a Unix gate return once the payload was sent.
//
//   warp run (front)      what the caller started: passes signals on, ends with the application's status
//     └─ supervisor       in a session of its own: answers what the application's filter (run_filter.h) asks
//          └─ APP         in the caller's session and process group, with its terminal, descriptors and directory
//
// Each process ends the one below it when it is killed. The supervisor runs until everything that the application has
// started has ended.
#ifndef WARP_TOOLS_RUN_RUN_H_
#define WARP_TOOLS_RUN_RUN_H_

#include <string>
#include <vector>

namespace warp::tools {

// Runs `command` (found by PATH, as a shell would) with the gate at `gate_path` (absolute). Returns the application's
// exit status, or 128 plus the signal that ended it. Returns 127 or 126 if it cannot be found or executed, and 1, after
// one sentence on stderr, if sends cannot be supervised here.
int RunApplication(const std::string& gate_path, const std::vector<std::string>& command);

}  // namespace warp::tools

#endif  // WARP_TOOLS_RUN_RUN_H_
