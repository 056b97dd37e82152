// What waits of one flow for one path, in the order of its numbers.
#ifndef WARP_CONTROL_BONDING_FLOW_QUEUE_H_
#define WARP_CONTROL_BONDING_FLOW_QUEUE_H_

#include <cstdint>

#include "control/bonding/compact_queue.h"
#include "control/bonding/grant.h"

namespace warp::bonding {

inline constexpr int64_t kQuantum = 3000;  // bytes of the turn of the heaviest flow

struct FlowQueue {
  CompactQueue<Grant> items;
  uint64_t bytes = 0;
  // Bytes that the flow may still send in its turn; negative: what it has sent beyond that, which later turns owe.
  int64_t deficit = 0;
  // When its last payload left: of the path (BondPath).
  uint32_t crowded = 0;
  double rounds = 0;
  uint32_t used_in =
      0;  // the look at the path's share (BondPath::looks) since which it has sent; 0: never
};

}  // namespace warp::bonding

#endif  // WARP_CONTROL_BONDING_FLOW_QUEUE_H_
