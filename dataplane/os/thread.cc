#include "dataplane/os/thread.h"

#include <system_error>
#include <utility>

#include "dataplane/os/errno_status.h"
#include "dataplane/os/signals.h"

namespace warp::os {

absl::StatusOr<std::thread> StartThread(std::function<void()> run) {
  const BlockedSignals blocked(AllSignals());
  try {
    return std::thread(std::move(run));
  } catch (const std::system_error& error) {
    return ErrnoStatus(error.code().value(), "no thread");
  }
}

}  // namespace warp::os
