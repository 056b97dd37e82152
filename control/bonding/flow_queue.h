// What waits of one flow for one path: what was lost on another one and goes again, then payloads in the order of their
// numbers. Both take the flow's turns, so that a flow which has lost much makes no other one wait.
#ifndef WARP_CONTROL_BONDING_FLOW_QUEUE_H_
#define WARP_CONTROL_BONDING_FLOW_QUEUE_H_

#include <cstdint>

#include "control/bonding/compact_queue.h"
#include "control/bonding/grant.h"

namespace warp::bonding {

inline constexpr int64_t kQuantum = 3000;  // bytes of the turn of the heaviest flow

struct FlowQueue {
  CompactQueue<Grant> again;
  CompactQueue<Grant> items;
  uint64_t bytes = 0;        // of both
  uint64_t again_bytes = 0;  // of `again`
  // Bytes that the flow may still send in its turn; negative: what it has sent beyond that, which later turns owe.
  int64_t deficit = 0;
  // When its last payload left: of the path (BondPath).
  uint32_t crowded = 0;
  double rounds = 0;
  uint32_t used_in =
      0;  // the look at the path's share (BondPath::looks) since which it has sent; 0: never

  bool empty() const { return again.empty() && items.empty(); }
};

}  // namespace warp::bonding

#endif  // WARP_CONTROL_BONDING_FLOW_QUEUE_H_
