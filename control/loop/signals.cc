#include "control/loop/signals.h"

#include <poll.h>

#include <utility>

namespace warp::control {

absl::StatusOr<std::unique_ptr<Signals>> Signals::Open(Loop& loop,
                                                       std::initializer_list<int> signals,
                                                       std::function<void(int)> callback) {
  const sigset_t set = os::SignalSet(signals);
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
