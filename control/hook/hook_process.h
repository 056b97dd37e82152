// The process that runs hooks: commands of the operator's, for each event. It is apart from warpd, so that a command
// can neither hold it up nor take anything of it: the process is forked before warpd reads its keys and opens anything,
// whether or not there are hooks yet, and then gives up all rights (hook_rights.h).
//
//   warpd ── datagrams of JSON ──► the process ── stdin, environment ──► a command at a time
//                                  the log     ◄── its first lines ──┘
//
// The queue between the two is that of the socket, which is bounded. A command has a limited time, after which it is
// killed with all that it has started (hook_runner.h). The process ends with warpd: what is queued then has kLastTime.
#ifndef WARP_CONTROL_HOOK_HOOK_PROCESS_H_
#define WARP_CONTROL_HOOK_HOOK_PROCESS_H_

#include <chrono>

#include "absl/status/statusor.h"
#include "dataplane/os/unique_fd.h"

namespace warp::hook {

inline constexpr std::chrono::milliseconds kLastTime{2000};

// A process without rights that runs no command yet, and is no child of this one. The descriptor is that of Hooks
// (hooks.h); the process ends when it is closed. Called before any other thread is started. The error says in one
// sentence what the system lacks.
absl::StatusOr<os::UniqueFd> StartHookProcess();

}  // namespace warp::hook

#endif  // WARP_CONTROL_HOOK_HOOK_PROCESS_H_
