// A payload of a flow on its way out: offered to the bond, and then granted, which says by which paths it may leave. A
// grant costs nothing until it is used, as it may be that the payload cannot leave after all.
#ifndef WARP_CONTROL_BONDING_GRANT_H_
#define WARP_CONTROL_BONDING_GRANT_H_

#include <cstdint>

#include "dataplane/wire/path_mask.h"
#include "dataplane/wire/time.h"

namespace warp::bonding {

struct Grant {
  uint16_t flow = 0;
  uint64_t number = 0;     // of the payload in its flow
  uint32_t size = 0;       // bytes of its frames on the wire
  wire::Instant taken;     // from the application
  wire::Instant deadline;  // it is of no use from then on
  wire::PathMask paths = 0;
  wire::PathSlot slot = wire::kNoPathSlot;  // the path for which it waited, if any
  bool again = false;                       // it was sent before, and lost
  // Paths that should not carry it, where another may within a moment: they carry too much of its block.
  wire::PathMask avoid = 0;
  // 0: a payload. Else parity of the block that ends with payload `number`: one more than its index.
  uint8_t parity = 0;
};

}  // namespace warp::bonding

#endif  // WARP_CONTROL_BONDING_GRANT_H_
