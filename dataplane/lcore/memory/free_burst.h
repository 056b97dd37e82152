// Gives buffers back to their pool many at a time. Only for buffers as the inbound stages hold them: of one segment,
// and with no other owner.
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

  // The buffer goes back as it came out of the pool. Nothing of it but its pool is read, which spares the fetch of its
  // second cache line.
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
