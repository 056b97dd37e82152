#include "control/carrier/carrier.h"

#include <poll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <chrono>
#include <mutex>
#include <thread>
#include <utility>

#include "control/carrier/carrier_thread.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/thread.h"

namespace warp::control {

absl::StatusOr<std::unique_ptr<Carrier>> Carrier::Start(os::UniqueFd socket, Options options) {
  auto shared = std::make_shared<Shared>();
  shared->socket = std::move(socket);
  shared->wake = os::UniqueFd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  shared->changed = os::UniqueFd(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!shared->socket || !shared->wake || !shared->changed)
    return os::ErrnoStatus(errno, "a carrier cannot be made");
  auto thread = std::make_shared<CarrierThread>(shared, std::move(options));
  absl::StatusOr<std::thread> started = os::StartThread([thread] { thread->Run(); });
  if (!started.ok()) return started.status();
  started->detach();
  return std::unique_ptr<Carrier>(new Carrier(std::move(shared)));
}

Carrier::~Carrier() {
  shared_->ended = true;
  Ring(shared_->wake.get());
}

void Carrier::End(wire::Duration patience) {
  constexpr int kLookMs = 1;
  shared_->ended = true;
  Ring(shared_->wake.get());
  for (auto waited = wire::Duration{}; !shared_->gone && waited < patience;
       waited += std::chrono::milliseconds(kLookMs)) {
    poll(nullptr, 0, kLookMs);
  }
}

void Carrier::Aim(std::vector<Target> targets, bool anew) {
  targets_ = std::move(targets);
  if (anew) ++aims_;
  aimed_ = false;
  TakeStatus();
}

int Carrier::fd() const { return shared_->changed.get(); }

const Carrier::Status& Carrier::TakeStatus() {
  const std::unique_lock lock(shared_->mutex, std::try_to_lock);
  if (!lock.owns_lock()) return status_;
  if (!std::exchange(aimed_, true)) {
    shared_->targets = targets_;
    shared_->aims = aims_;
    Ring(shared_->wake.get());
  }
  Hush(shared_->changed.get());
  status_ = shared_->status;
  return status_;
}

}  // namespace warp::control
