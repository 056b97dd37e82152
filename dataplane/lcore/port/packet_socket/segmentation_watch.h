// Whether a kernel interface cuts joined UDP frames by itself, and how large they may be.
//
// A packet socket sends past the queueing discipline, so that the kernel does not cut in the interface's stead: it
// drops what the interface does not take and counts it among the interface's own losses. So the interface is asked,
// and asked again whenever the kernel has news of it (ethtool -K makes some). The kernel answers under a lock for which
// other callers may make it wait (RTNL). Therefore a thread of the port's own asks.
#ifndef WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_SEGMENTATION_WATCH_H_
#define WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_SEGMENTATION_WATCH_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

#include "absl/status/statusor.h"
#include "dataplane/os/unique_fd.h"

namespace warp::lcore {

// What joined frames an interface takes.
struct Segmentation {
  bool enabled = false;       // it cuts UDP frames (tx-udp-segmentation), and sums what it cuts
  uint32_t segments = 65535;  // the most segments of a frame, and
  uint32_t bytes = 65536;     // its size must be less
  friend bool operator==(const Segmentation&, const Segmentation&) = default;
};

class SegmentationWatch {
 public:
  // Asks for the first time in the calling thread, which may wait, and calls `tell` there. Later it is called on the
  // watch's own thread, after each change. `interface` is an index. Unavailable: the kernel refuses a socket, or there
  // is no thread left.
  static absl::StatusOr<std::unique_ptr<SegmentationWatch>> Start(
      int interface, std::function<void(const Segmentation&)> tell);
  // Waits until the kernel has answered what it is being asked.
  ~SegmentationWatch();
  SegmentationWatch(const SegmentationWatch&) = delete;
  SegmentationWatch& operator=(const SegmentationWatch&) = delete;

 private:
  SegmentationWatch(int interface, std::function<void(const Segmentation&)> tell)
      : interface_(interface), tell_(std::move(tell)) {}
  absl::Status OpenSockets();
  bool RequestLink();
  bool ReadNews();
  void Ask();
  void Run();

  const int interface_;
  const std::function<void(const Segmentation&)> tell_;
  os::UniqueFd netlink_;  // news of links
  os::UniqueFd control_;  // for requests
  os::UniqueFd stop_;     // an eventfd that ends the thread
  Segmentation told_;
  uint32_t segments_ = told_.segments,
           bytes_ = told_.bytes;  // as the last news of the interface had them
  std::thread thread_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_SEGMENTATION_WATCH_H_
