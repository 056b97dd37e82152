// Whether a DPDK device has a link, and whether it is there at all, asked again and again on a thread of its port's
// own.
//
// A driver may read the PHY of its adapter for the answer, which takes milliseconds, and one that hangs gives none.
// Control must not wait for either, so the thread asks, and control reads what was answered last. Drivers that tell of
// their link by an interrupt are asked just the same (docs/decisions.md).
#ifndef WARP_DATAPLANE_LCORE_PLANE_LINK_WATCH_H_
#define WARP_DATAPLANE_LCORE_PLANE_LINK_WATCH_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/status/statusor.h"
#include "dataplane/lcore/port/port.h"

namespace warp::lcore {

class LinkWatch {
 public:
  // How often the driver is asked. A cable or a card that is pulled is noticed within that time.
  static constexpr std::chrono::milliseconds kInterval{50};

  // Asks the driver for the first time, for which the caller waits: it is the thread that opened the device. `tell` is
  // called on the watch's own thread after each change. `port` outlives the watch. Unavailable: the process has no
  // thread left.
  static absl::StatusOr<std::unique_ptr<LinkWatch>> Start(const Port& port,
                                                          std::function<void()> tell);
  // Waits until the driver has answered what it is being asked: for the thread that closes the device.
  ~LinkWatch();
  LinkWatch(const LinkWatch&) = delete;
  LinkWatch& operator=(const LinkWatch&) = delete;

  // --- Control thread. ---
  // What the driver answered last.
  LinkState Take() { return taken_ = link_.load(std::memory_order_acquire); }
  // Whether that is something else than Take returned last.
  bool has_news() const { return link_.load(std::memory_order_acquire) != taken_; }

 private:
  LinkWatch(const Port& port, std::function<void()> tell)
      : port_(port), tell_(std::move(tell)), link_(port.Link()), taken_(link_) {}
  void Run();

  const Port& port_;
  const std::function<void()> tell_;
  std::atomic<LinkState> link_;
  LinkState taken_;
  std::mutex mutex_;
  std::condition_variable stopping_;
  bool stop_ = false;  // under the mutex
  std::thread thread_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PLANE_LINK_WATCH_H_
