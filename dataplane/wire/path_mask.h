// Which paths of a peer a payload takes: a bit for each slot. A path that sends has a slot of its peer's as long as it
// lives, so that the mask of a payload that waits in a ring still means the same paths when a table changes meanwhile.
#ifndef WARP_DATAPLANE_WIRE_PATH_MASK_H_
#define WARP_DATAPLANE_WIRE_PATH_MASK_H_

#include <cstdint>

namespace warp::wire {

using PathMask = uint64_t;
using PathSlot = uint8_t;

inline constexpr PathSlot kPathSlots = 64;
// A path beyond the slots of its peer carries only what all paths carry.
inline constexpr PathSlot kNoPathSlot = kPathSlots;
inline constexpr PathMask kAllPaths = ~PathMask{0};

// The mask of one path; of one without a slot, all of whose payloads go everywhere, it is empty.
constexpr PathMask MaskOf(PathSlot slot) {
  return slot < kPathSlots ? PathMask{1} << slot : PathMask{0};
}

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_PATH_MASK_H_
