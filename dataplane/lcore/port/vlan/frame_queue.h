// Frames that wait for one port of a shared device. One thread pushes, and one pops; both never block. The thread that
// closes the port may pop once the worker does not any more, while the worker still pushes.
#ifndef WARP_DATAPLANE_LCORE_PORT_VLAN_FRAME_QUEUE_H_
#define WARP_DATAPLANE_LCORE_PORT_VLAN_FRAME_QUEUE_H_

#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

namespace warp::lcore {

class FrameQueue {
 public:
  // Twice a burst: a worker takes out a whole burst in each turn, and no turn brings more than one.
  static constexpr uint32_t kSize = 64;

  FrameQueue() = default;
  ~FrameQueue() { Free(); }
  FrameQueue(const FrameQueue&) = delete;
  FrameQueue& operator=(const FrameQueue&) = delete;

  // False: the queue is full, and the frame stays the caller's.
  bool Push(rte_mbuf* frame) {
    const uint32_t pushed = pushed_.load(std::memory_order_relaxed);
    if (pushed - popped_.load(std::memory_order_acquire) == kSize) return false;
    frames_[pushed % kSize] = frame;
    pushed_.store(pushed + 1, std::memory_order_release);
    return true;
  }
  // Up to `count` frames, in their order; returns how many.
  uint16_t Pop(rte_mbuf** frames, uint16_t count) {
    const uint32_t popped = popped_.load(std::memory_order_relaxed);
    const uint32_t waiting = pushed_.load(std::memory_order_acquire) - popped;
    const auto taken = static_cast<uint16_t>(std::min<uint32_t>(waiting, count));
    for (uint16_t i = 0; i < taken; ++i) frames[i] = frames_[(popped + i) % kSize];
    if (taken > 0) popped_.store(popped + taken, std::memory_order_release);
    return taken;
  }
  // Pops all there is.
  void Free() {
    for (rte_mbuf* frame = nullptr; Pop(&frame, 1) == 1;) rte_pktmbuf_free(frame);
  }

 private:
  std::array<rte_mbuf*, kSize> frames_;
  std::atomic<uint32_t> pushed_{0}, popped_{0};  // without end
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_VLAN_FRAME_QUEUE_H_
