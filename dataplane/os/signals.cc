#include "dataplane/os/signals.h"

#include <unistd.h>

#include <cerrno>
#include <utility>

#include "dataplane/os/errno_status.h"

namespace warp::os {

sigset_t SignalSet(std::initializer_list<int> signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  return set;
}

sigset_t AllSignals() {
  sigset_t set;
  sigfillset(&set);
  for (const int fault : {SIGBUS, SIGFPE, SIGILL, SIGSEGV}) sigdelset(&set, fault);
  return set;
}

sigset_t StraySignals() {
  sigset_t set = SignalSet(
      {SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT});
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) sigaddset(&set, signal);
  return set;
}

sigset_t BlockSignals(const sigset_t& signals) {
  sigset_t before;
  pthread_sigmask(SIG_BLOCK, &signals, &before);
  return before;
}

BlockedSignals::~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

absl::StatusOr<SignalFd> SignalFd::Open(const sigset_t& signals) {
  UniqueFd fd(signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) return ErrnoStatus(errno, "cannot receive signals");
  return SignalFd(std::move(fd));
}

std::optional<signalfd_siginfo> SignalFd::Read() const {
  signalfd_siginfo signal;
  if (read(fd_.get(), &signal, sizeof(signal)) != sizeof(signal)) return std::nullopt;
  return signal;
}

}  // namespace warp::os
