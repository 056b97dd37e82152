#include "dataplane/lcore/plane/device_call.h"

#include <atomic>
#include <thread>
#include <utility>

#include "dataplane/os/stop_point.h"
#include "dataplane/os/thread.h"

namespace warp::lcore {

namespace {

constexpr auto kLook = std::chrono::milliseconds(1);

}  // namespace

struct DeviceCall::Shared {
  std::atomic<bool> over{false};
  std::atomic<bool> told{false};
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
        shared->told.store(true, std::memory_order_release);
      });
  if (!thread.ok()) return thread.status();
  // Nobody joins it, since it may hang: what it touches is its own, or shared.
  thread->detach();
  return std::unique_ptr<DeviceCall>(new DeviceCall(std::move(shared)));
}

bool DeviceCall::over() const { return shared_->over.load(std::memory_order_acquire); }

// The thread may stand still anywhere, so that there is no lock that it could keep.
bool DeviceCall::Await(std::chrono::steady_clock::time_point until) const {
  while (!shared_->told.load(std::memory_order_acquire)) {
    if (std::chrono::steady_clock::now() >= until) return false;
    std::this_thread::sleep_for(kLook);
  }
  return true;
}

}  // namespace warp::lcore
