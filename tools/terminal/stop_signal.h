// How a command that runs for long learns of its end.
#ifndef WARP_TOOLS_TERMINAL_STOP_SIGNAL_H_
#define WARP_TOOLS_TERMINAL_STOP_SIGNAL_H_

#include <signal.h>

#include "absl/status/statusor.h"
#include "dataplane/os/signals.h"

namespace warp::tools {

// A descriptor that becomes readable at SIGINT or SIGTERM. From here on no handler interrupts this thread or those that
// it starts.
inline absl::StatusOr<os::SignalFd> OpenStopSignal() {
  const sigset_t signals = os::SignalSet({SIGINT, SIGTERM});
  os::BlockSignals(signals);
  return os::SignalFd::Open(signals);
}

}  // namespace warp::tools

#endif  // WARP_TOOLS_TERMINAL_STOP_SIGNAL_H_
