// `warp watch`: what happens to a running warpd, as docs/events.md has it.
#ifndef WARP_TOOLS_COMMAND_SEE_WATCH_COMMAND_H_
#define WARP_TOOLS_COMMAND_SEE_WATCH_COMMAND_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace warp::tools {

struct WatchOptions {
  std::string socket = "/run/warp/warpd.sock";
  bool json = false;
  uint32_t past = 0;   // events of before to begin with
  uint64_t count = 0;  // events after which it ends; 0: at SIGINT or SIGTERM, or with the daemon
};
// Writes a line for each event. Complains where no daemon answers, or where it ends. Returns the exit status.
int RunWatch(const WatchOptions& options);

// The line of an event for people, with a newline: "2026-11-30 10:32:11.123 ! peer hq: connecting (no answer) [...]",
// by the clock and zone of this machine; a warning has the mark. What is no event is shown as it is.
std::string EventLine(absl::string_view json);

}  // namespace warp::tools

#endif  // WARP_TOOLS_COMMAND_SEE_WATCH_COMMAND_H_
