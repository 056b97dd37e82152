#include "dataplane/lcore/plane/device_call.h"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "dataplane/os/stop_point.h"
#include "dataplane/os/thread.h"

namespace warp::lcore {

struct DeviceCall::Shared {
  std::mutex mutex;
  std::condition_variable ended;
  std::atomic<bool> over{false};
  bool told = false;  // under the mutex
};

absl::StatusOr<std::unique_ptr<DeviceCall>> DeviceCall::Start(std::function<void()> call,
                                                              std::function<void()> tell) {
  auto shared = std::make_shared<Shared>();
  absl::StatusOr<std::thread> thread =
      os::StartThread([shared, call = std::move(call), tell = std::move(tell)] {
        os::NameThisThread("warp-device");
        os::RunOnAnyCpu();
        WARP_STOP_POINT(device_calling);
        call();
        WARP_STOP_POINT(device_called);
        shared->over.store(true, std::memory_order_release);
        WARP_STOP_POINT(device_over);
        tell();
        WARP_STOP_POINT(device_told);
        const std::lock_guard lock(shared->mutex);
        shared->told = true;
        shared->ended.notify_all();
      });
  if (!thread.ok()) return thread.status();
  // Nobody joins it, since it may hang: what it touches is its own, or shared.
  thread->detach();
  return std::unique_ptr<DeviceCall>(new DeviceCall(std::move(shared)));
}

bool DeviceCall::over() const { return shared_->over.load(std::memory_order_acquire); }

bool DeviceCall::Await(std::chrono::steady_clock::time_point until) const {
  std::unique_lock lock(shared_->mutex);
  return shared_->ended.wait_until(lock, until, [this] { return shared_->told; });
}

}  // namespace warp::lcore
