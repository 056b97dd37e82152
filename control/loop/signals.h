// Signals as events of the loop (signalfd), so that no handler interrupts anything.
#ifndef WARP_CONTROL_LOOP_SIGNALS_H_
#define WARP_CONTROL_LOOP_SIGNALS_H_

#include <functional>
#include <initializer_list>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "control/loop/loop.h"
#include "dataplane/os/signals.h"

namespace warp::control {

class Signals {
 public:
  // Blocks `signals` in this thread and those it starts from now on: call before any thread is
  // started. The callback gets the signal's number.
  static absl::StatusOr<std::unique_ptr<Signals>> Open(Loop& loop,
                                                       std::initializer_list<int> signals,
                                                       std::function<void(int signal)> callback);
  // The same for a daemon: SIGTERM and SIGINT call `stop`. Each of os::StraySignals() is told to `log` in a sentence,
  // and does nothing else; SIGPIPE is not told, since whoever writes to a closed pipe learns it from the call. SIGHUP
  // calls `reload`, where that is not empty.
  static absl::StatusOr<std::unique_ptr<Signals>> OpenForDaemon(
      Loop& loop, std::function<void()> stop, std::function<void(const std::string&)> log,
      std::function<void()> reload = nullptr);

 private:
  static absl::StatusOr<std::unique_ptr<Signals>> OpenSet(Loop& loop, const sigset_t& set,
                                                          std::function<void(int)> callback);
  Signals(Loop& loop, os::SignalFd pending, std::function<void(int)> callback);
  void Read();

  const os::SignalFd pending_;
  const std::function<void(int)> callback_;
  const Watch watch_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_SIGNALS_H_
