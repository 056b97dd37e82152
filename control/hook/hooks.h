// Hands events to the process that runs hooks, and never waits for it: what its queue does not take is dropped and
// counted, and the next event that finds room tells how many there were. Control thread.
#ifndef WARP_CONTROL_HOOK_HOOKS_H_
#define WARP_CONTROL_HOOK_HOOKS_H_

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "control/event/event.h"
#include "dataplane/os/unique_fd.h"

namespace warp::hook {

class Hooks {
 public:
  // `process`: of StartHookProcess; invalid where there is none, and then nothing is run. `warn` gets a sentence when
  // the process is gone.
  Hooks(os::UniqueFd process, std::function<void(const std::string&)> warn)
      : process_(std::move(process)), warn_(std::move(warn)) {}

  // What is run from now on, each for at most `limit`.
  void Set(const std::vector<std::string>& commands, std::chrono::milliseconds limit);
  // Whether the process is there still. Without one, commands that are set later can not be run.
  bool possible() const;

  void Run(const control::Event& event);

  uint64_t missed() const { return missed_; }  // events that no command was run for, in all

 private:
  bool Send(const std::string& message);

  os::UniqueFd process_;
  const std::function<void(const std::string&)> warn_;
  std::string head_;  // of each message: what is run, and how long; empty: nothing
  uint64_t missed_ = 0;
  uint64_t untold_ = 0;  // of these, those of which no command has heard
};

}  // namespace warp::hook

#endif  // WARP_CONTROL_HOOK_HOOKS_H_
