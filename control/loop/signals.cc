#include "control/loop/signals.h"

#include <poll.h>

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"

namespace warp::control {
namespace {

std::string Ignored(int signal) {
  const char* const name = sigabbrev_np(signal);  // null for real-time signals
  return absl::StrCat(name != nullptr ? absl::StrCat("SIG", name) : absl::StrCat("signal ", signal),
                      " is ignored: ",
                      signal == SIGHUP ? "no reload: restart to apply a changed configuration"
                                       : "it has no meaning here");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Signals>> Signals::Open(Loop& loop,
                                                       std::initializer_list<int> signals,
                                                       std::function<void(int)> callback) {
  return OpenSet(loop, os::SignalSet(signals), std::move(callback));
}

absl::StatusOr<std::unique_ptr<Signals>> Signals::OpenForDaemon(
    Loop& loop, std::function<void()> stop, std::function<void(const std::string&)> log,
    std::function<void()> reload) {
  sigset_t set = os::StraySignals();
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  return OpenSet(loop, set, [=](int signal) {
    if (signal == SIGTERM || signal == SIGINT) {
      stop();
    } else if (signal == SIGHUP && reload != nullptr) {
      reload();
    } else if (signal != SIGPIPE) {
      log(Ignored(signal));
    }
  });
}

absl::StatusOr<std::unique_ptr<Signals>> Signals::OpenSet(Loop& loop, const sigset_t& set,
                                                          std::function<void(int)> callback) {
  os::BlockSignals(set);
  absl::StatusOr<os::SignalFd> pending = os::SignalFd::Open(set);
  if (!pending.ok()) return pending.status();
  return std::unique_ptr<Signals>(new Signals(loop, *std::move(pending), std::move(callback)));
}

Signals::Signals(Loop& loop, os::SignalFd pending, std::function<void(int)> callback)
    : pending_(std::move(pending)),
      callback_(std::move(callback)),
      watch_(loop, pending_.fd(), POLLIN, [this](uint32_t) { Read(); }) {}

void Signals::Read() {
  // At most one of each signal is pending, so this ends.
  while (const std::optional<signalfd_siginfo> signal = pending_.Read())
    callback_(static_cast<int>(signal->ssi_signo));
}

}  // namespace warp::control
