// Starting an application under the filter.
#ifndef WARP_TOOLS_RUN_RUN_APPLICATION_H_
#define WARP_TOOLS_RUN_RUN_APPLICATION_H_

#include <signal.h>
#include <sys/types.h>

#include <atomic>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/os/unique_fd.h"

namespace warp::tools {

// The state of the caller that the application must find unchanged.
struct InheritedSignals {
  sigset_t mask;
  struct sigaction on_child;
};

struct StartedApplication {
  pid_t pid = 0;
  os::UniqueFd listener;                      // where its questions come
  std::atomic<uint32_t>* released = nullptr;  // in memory shared with it

  // Lets the application begin. Until then it has not executed anything.
  void Release();
};

// Forks a child that will execute `command` with those signals, and makes sure that this process may do what a
// supervisor has to. The child is killed when the calling thread ends. Call it from a process with one thread.
// FailedPrecondition, in one sentence, if the kernel or what we are confined in does not let us.
absl::StatusOr<StartedApplication> StartApplication(const std::vector<std::string>& command,
                                                    const InheritedSignals& signals);

}  // namespace warp::tools

#endif  // WARP_TOOLS_RUN_RUN_APPLICATION_H_
