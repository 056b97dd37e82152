// A port that receives the frames that the benchmark puts into its ring.
#ifndef WARP_PERF_ENGINE_FRAME_SOURCE_H_
#define WARP_PERF_ENGINE_FRAME_SOURCE_H_

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <string>

#include "perf/bench_node.h"

namespace warp::perf {

// DPDK has few device numbers and gives none back, so make few of these.
class FrameSource {
 public:
  FrameSource();
  const std::string& device() const { return device_; }
  // Makes a frame in a buffer of the port's own pool: the frame header of `remote`, and behind it a datagram (header,
  // text, room for a tag). The caller fills the datagram, and then calls Put.
  static rte_mbuf* MakeFrame(BenchNode& node, size_t port, size_t remote, uint16_t datagram_size);
  static uint8_t* DatagramOf(rte_mbuf* frame) {
    return rte_pktmbuf_mtod_offset(frame, uint8_t*, wire::kFrameHeaderSizeV4);
  }
  void Put(rte_mbuf* frame) { rte_ring_enqueue(ring_, frame); }
  bool empty() const { return rte_ring_empty(ring_) != 0; }

 private:
  rte_ring* const ring_;
  std::string device_;
};

}  // namespace warp::perf

#endif  // WARP_PERF_ENGINE_FRAME_SOURCE_H_
