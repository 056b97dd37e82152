// A port that receives the frames which the benchmark puts into its ring.
#ifndef WARP_PERF_ENGINE_FRAME_SOURCE_H_
#define WARP_PERF_ENGINE_FRAME_SOURCE_H_

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <string>

#include "perf/bench_node.h"

namespace warp::perf {

// Make few of these, since DPDK has few device numbers and gives none back.
class FrameSource {
 public:
  FrameSource();
  const std::string& device() const { return device_; }
  // A datagram (header, text, room for a tag) behind the frame header of `remote`, in a buffer of the port's own pool.
  // `seal` is called with the datagram's first byte. The caller may still change it, then Put.
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
