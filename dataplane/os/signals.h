// Signal masks, and signals as something to read (signalfd(2)), so that no handler interrupts anything.
#ifndef WARP_DATAPLANE_OS_SIGNALS_H_
#define WARP_DATAPLANE_OS_SIGNALS_H_

#include <signal.h>
#include <sys/signalfd.h>

#include <initializer_list>
#include <optional>

#include "absl/status/statusor.h"
#include "dataplane/os/unique_fd.h"

namespace warp::os {

sigset_t SignalSet(std::initializer_list<int> signals);
// All but those by which the processor tells a thread of its own fault: a thread that blocks them is ended by them,
// though somebody may know what to do (SIGBUS of a card that was pulled out, lcore/memory/eal.cc).
sigset_t AllSignals();
// Those that would end a process though nobody means its end: SIGHUP of a terminal, of a reload or of logrotate,
// SIGUSR1 and SIGUSR2, SIGPIPE, the clocks', and the real-time ones. A daemon blocks them before anything else.
sigset_t StraySignals();

// Blocks them in this thread, and in the threads that it starts from now on. Returns the mask of before.
sigset_t BlockSignals(const sigset_t& signals);

// Blocks them for as long as this lives: a thread that is started meanwhile never gets them.
class BlockedSignals {
 public:
  explicit BlockedSignals(const sigset_t& signals) : before_(BlockSignals(signals)) {}
  ~BlockedSignals();
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  const sigset_t before_;
};

// A descriptor from which signals are read that the thread has blocked.
class SignalFd {
 public:
  // Unavailable where the process is out of descriptors.
  static absl::StatusOr<SignalFd> Open(const sigset_t& signals);

  int fd() const { return fd_.get(); }  // readable while one is pending; never blocks
  // The next pending signal, or none.
  std::optional<signalfd_siginfo> Read() const;

 private:
  explicit SignalFd(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace warp::os

#endif  // WARP_DATAPLANE_OS_SIGNALS_H_
