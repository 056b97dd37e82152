#include "control/loop/signals.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

#include <cerrno>
#include <utility>

#include "dataplane/os/errno_status.h"

namespace warp::control {

absl::StatusOr<std::unique_ptr<Signals>> Signals::Create(Loop& loop,
                                                         std::initializer_list<int> signals,
                                                         std::function<void(int)> callback) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  os::UniqueFd fd(signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  if (!fd) return os::ErrnoStatus(errno, "cannot receive signals");
  return std::unique_ptr<Signals>(new Signals(loop, std::move(fd), std::move(callback)));
}

Signals::Signals(Loop& loop, os::UniqueFd fd, std::function<void(int)> callback)
    : fd_(std::move(fd)),
      callback_(std::move(callback)),
      watch_(loop, fd_.get(), POLLIN, [this](uint32_t) { Read(); }) {}

void Signals::Read() {
  // At most one of each signal is pending, so this ends.
  signalfd_siginfo info;
  while (read(fd_.get(), &info, sizeof(info)) == sizeof(info))
    callback_(static_cast<int>(info.ssi_signo));
}

}  // namespace warp::control
