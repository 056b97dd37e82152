// Sends frames through the rings of an AF_XDP socket, in place of its driver's transmit function.
//
// The kernel sends at most 32 frames for each system call, and then says EAGAIN. It says the same while the queue of
// the interface is stopped, by pause frames or a USB adapter that stalls. DPDK's driver repeats the call until the
// kernel is content, so that a queue that stands still would hold up its worker, and with it all ports of that worker.
// Here the number of frames bounds the number of calls. What is left then waits in the ring, and as long as anything
// waits there everything else is refused: true back-pressure, and at most one burst that leaves late.
//
//   Send ──► TX ring ──► kernel ──► interface        A buffer is out from Send on, until its address has come back.
//    ▲                                  │
//    └────── completion ring ◄──────────┘
//
// The driver's own transmit function must never run beside it. The worker's thread.
#ifndef WARP_DATAPLANE_LCORE_PORT_XDP_XSK_SENDER_H_
#define WARP_DATAPLANE_LCORE_PORT_XDP_XSK_SENDER_H_

#include <rte_mbuf.h>

#include <chrono>
#include <cstdint>
#include <vector>

#include "dataplane/facade/counters.h"
#include "dataplane/lcore/port/xdp/xsk_rings.h"

namespace warp::lcore {

class XskSender {
 public:
  // `socket` is bound for copying (XDP_COPY), with the buffers of `pool` as its memory. Both stay the caller's.
  XskSender(int socket, const XskSendRings& rings, const rte_mempool* pool);
  XskSender(const XskSender&) = delete;
  XskSender& operator=(const XskSender&) = delete;

  // Takes frames from the front and returns how many. They are buffers of the pool, each in one segment. The others
  // stay the caller's, because the interface has not sent all that was given to it before. Never blocks.
  uint16_t Send(rte_mbuf** frames, uint16_t count);
  // Makes the kernel go on with what waits. Costs nothing where nothing does. Never blocks.
  void Flush() {
    if (waiting_ > 0) Kick();
  }

  // The end of sending. Waits until all frames have left, or `patience` has passed, and returns the buffers that the
  // kernel has not taken from the TX ring. What it has taken and not told of stays lost, since an adapter may read it.
  // To be called before the socket is closed, on the thread that closes the port.
  std::vector<rte_mbuf*> Drain(std::chrono::milliseconds patience);

  // Any thread.
  uint64_t packets() const { return packets_.Get(); }
  uint64_t bytes() const { return bytes_.Get(); }

 private:
  // How many frames the kernel sends for one call.
  static constexpr uint32_t kBatch = 32;

  void Reap();
  void Kick();
  uint32_t Waiting() const;
  // `index` is one of the TX ring's that grow without end.
  uint32_t PlaceOf(uint32_t index) const { return index & (rings_.tx.size - 1); }

  const int socket_;
  const XskSendRings rings_;
  const Umem umem_;

  uint32_t produced_;     // into the TX ring
  uint32_t consumed_;     // from the completion ring
  uint32_t waiting_ = 0;  // in the TX ring after the last Kick
  uint32_t out_ = 0;      // buffers that are out
  // Those by their places in the TX ring. The ring itself does not tell: where the kernel sends a part of it (EAGAIN),
  // Linux before 6.17 hides for a while what it has taken, so that a buffer may lie there and be free.
  std::vector<rte_mbuf*> placed_;

  Counter packets_;
  Counter bytes_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_XDP_XSK_SENDER_H_
