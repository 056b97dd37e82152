// Buffers that are done with, given back many at a time. Only such as the inbound stages hold: one segment, nobody else's.
#ifndef WARP_DATAPLANE_LCORE_MEMORY_FREE_BURST_H_
#define WARP_DATAPLANE_LCORE_MEMORY_FREE_BURST_H_

#include <rte_mbuf.h>

#include <array>
#include <cassert>
#include <cstdint>

#include "dataplane/lcore/constants.h"

namespace warp::lcore {

class FreeBurst {
 public:
  ~FreeBurst() { Flush(); }

  // The buffer goes back as it came out: nothing of it but its pool is looked at, which spares the fetch of its second
  // line.
  void Add(rte_mbuf* packet) {
    assert(rte_mbuf_refcnt_read(packet) == 1 && packet->nb_segs == 1 && RTE_MBUF_DIRECT(packet));
    if (size_ == buffers_.size() || packet->pool != pool_) [[unlikely]] {
      Flush();
      pool_ = packet->pool;
    }
    buffers_[size_++] = packet;
  }
  void Flush() {
    if (size_ > 0) rte_mempool_put_bulk(pool_, buffers_.data(), size_);
    size_ = 0;
  }

 private:
  rte_mempool* pool_ = nullptr;
  unsigned size_ = 0;
  std::array<void*, kBurst> buffers_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_MEMORY_FREE_BURST_H_
