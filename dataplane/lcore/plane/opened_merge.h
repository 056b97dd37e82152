// Journey in, step 5, control's end: opened packets of all workers in one order. Copies of one stream arrive first now
// at a port of this worker and now at a port of that one. Emptied one after the other, their rings would swap up to a
// whole batch of payloads.
//
// Packets of one session come by their counters, others by the time of their arrival. Control thread only.
#ifndef WARP_DATAPLANE_LCORE_PLANE_OPENED_MERGE_H_
#define WARP_DATAPLANE_LCORE_PLANE_OPENED_MERGE_H_

#include <rte_mbuf.h>

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include "dataplane/lcore/exchange/exchange.h"

namespace warp::lcore {

class OpenedMerge {
 public:
  static constexpr size_t kMost = 128;  // packets of one call

  // Takes up to out.size() packets, and at most kMost, out of the rings of `exchange`, which is the same in every call.
  size_t Take(Exchange& exchange, std::span<rte_mbuf*> out);

 private:
  // What a ring holds from its front on, as far as one call may need it.
  struct Front {
    Ring<rte_mbuf*>* ring = nullptr;
    size_t size = 0, taken = 0;
    std::array<rte_mbuf*, kMost> packets;
    rte_mbuf* first() const { return packets[taken]; }
  };

  std::vector<Front> fronts_;  // one for each worker; those in use stand first
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PLANE_OPENED_MERGE_H_
