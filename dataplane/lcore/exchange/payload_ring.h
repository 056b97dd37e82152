// Payloads on their way from control to a worker. Either may take them out: the worker, to send them, or control, where
// the worker stands still, to send them through another. A payload thus is in exactly one hand, and nothing is sealed
// twice.
//
// Who takes payloads claims the ring for that moment. Who finds it claimed takes nothing: nobody ever waits.
#ifndef WARP_DATAPLANE_LCORE_EXCHANGE_PAYLOAD_RING_H_
#define WARP_DATAPLANE_LCORE_EXCHANGE_PAYLOAD_RING_H_

#include <rte_mbuf.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/lcore/exchange/ring.h"
#include "dataplane/os/stop_point.h"

namespace warp::lcore {

class PayloadRing {
 public:
  explicit PayloadRing(uint32_t capacity) : ring_(capacity) {}

  // Control. Takes payloads from the front and returns how many fitted. Their outbound meta is filled in.
  size_t Push(std::span<rte_mbuf* const> payloads) { return ring_.Push(payloads); }

  // The worker or control. Moves up to out.size() payloads out and returns how many: none while the other does so.
  size_t Pop(std::span<rte_mbuf*> out) {
    if (ring_.empty()) return 0;
    if (claimed_.exchange(true, std::memory_order_acquire)) return 0;
    WARP_STOP_POINT(burst_claimed);
    const size_t popped = ring_.Pop(out);
    claimed_.store(false, std::memory_order_release);
    return popped;
  }

  // Any thread. The answer was right at some moment during the call.
  bool empty() const { return ring_.empty(); }

 private:
  Ring<rte_mbuf*> ring_;
  std::atomic<bool> claimed_{false};
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_EXCHANGE_PAYLOAD_RING_H_
