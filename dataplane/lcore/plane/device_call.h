// A call into a driver that may block, on a thread of its own: one that opens or closes the device of one port. A
// driver that hangs holds that thread, and thus its own port, and nobody else.
//
// The thread is not registered with EAL. What a port's device needs of it asks for no lcore: pools serve such a thread
// without a cache, and EAL takes its locks itself. It takes no port's queue, since no worker knows the port yet, or any
// more. docs/threads.md says more.
#ifndef WARP_DATAPLANE_LCORE_PLANE_DEVICE_CALL_H_
#define WARP_DATAPLANE_LCORE_PLANE_DEVICE_CALL_H_

#include <chrono>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"

namespace warp::lcore {

class DeviceCall {
 public:
  // Makes `call` on a new thread, and `tell` after it. What they captured must outlive the thread, thus be their own or
  // shared. Unavailable: the process has no thread left, and nothing was called.
  static absl::StatusOr<std::unique_ptr<DeviceCall>> Start(std::function<void()> call,
                                                           std::function<void()> tell);
  DeviceCall(const DeviceCall&) = delete;
  DeviceCall& operator=(const DeviceCall&) = delete;

  // The call has ended, and what it wrote may be read. Never waits.
  bool over() const;
  // Waits until that is so and has been told, so that no bell rings later. False: not by then. Serves set-up and
  // shutdown.
  bool Await(std::chrono::steady_clock::time_point until) const;

 private:
  struct Shared;
  explicit DeviceCall(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  const std::shared_ptr<Shared> shared_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PLANE_DEVICE_CALL_H_
