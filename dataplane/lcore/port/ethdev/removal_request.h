// Whether the kernel asks for a device that vfio lends to this process. It wants to remove the device, or to bind it to
// another driver, and waits until nobody holds it any more. It asks again every 10 s
// (Documentation/driver-api/vfio.rst).
#ifndef WARP_DATAPLANE_LCORE_PORT_ETHDEV_REMOVAL_REQUEST_H_
#define WARP_DATAPLANE_LCORE_PORT_ETHDEV_REMOVAL_REQUEST_H_

#include <rte_dev.h>

#include <atomic>
#include <string>

namespace warp::lcore {

class RemovalRequest {
 public:
  // `device` is DPDK's name of a device that has been plugged in; a device that another driver lends never asks.
  explicit RemovalRequest(const std::string& device);
  ~RemovalRequest();
  RemovalRequest(const RemovalRequest&) = delete;
  RemovalRequest& operator=(const RemovalRequest&) = delete;

  // Any thread.
  bool made() const { return made_.load(std::memory_order_relaxed); }

 private:
  // Called by EAL's interrupt thread.
  static void Note(const char* device, rte_dev_event_type event, void* self);

  const std::string device_;
  std::atomic<bool> made_{false};
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_ETHDEV_REMOVAL_REQUEST_H_
