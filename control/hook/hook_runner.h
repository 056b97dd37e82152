// Runs commands of hooks, one after the other, each for a limited time, and says what they say.
//
// A command has no descriptor of warpd's: it writes into a pipe, of which the first lines go to the log as plain text
// and the rest to nobody. So it can neither fill the log, nor keep anybody from it, nor say anything there in another's
// name, nor read what is typed at the terminal of warpd.
#ifndef WARP_CONTROL_HOOK_HOOK_RUNNER_H_
#define WARP_CONTROL_HOOK_HOOK_RUNNER_H_

#include <chrono>
#include <cstddef>
#include <string>

namespace warp::hook {

// How much of the output of a command is said, in bytes.
inline constexpr size_t kMostOutput = 4096;

// A line of the log, from the process that runs hooks.
void Say(const std::string& what);

// Runs what comes by `socket` (Hooks), until its other end is closed and what was queued then is run, which may take so
// much `longer`. Blocks. The process has adopted orphans (hook_rights.h).
void RunHooks(int socket, std::chrono::milliseconds longer);

}  // namespace warp::hook

#endif  // WARP_CONTROL_HOOK_HOOK_RUNNER_H_
