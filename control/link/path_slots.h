// Which slot each sending path of a peer has (dataplane/wire/path_mask.h).
//
// A payload may lie in a ring with its mask, and feedback about it be under way, while its path goes and another comes.
// Therefore a slot that was freed is given away last: after those that nobody had yet, and in the order in which they
// were freed.
#ifndef WARP_CONTROL_LINK_PATH_SLOTS_H_
#define WARP_CONTROL_LINK_PATH_SLOTS_H_

#include <deque>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "dataplane/wire/ids.h"
#include "dataplane/wire/path_mask.h"

namespace warp::control {

class PathSlots {
 public:
  // The path's slot, which it gets now if it has none; kNoPathSlot where all are taken.
  wire::PathSlot Of(wire::PathId path);
  // Frees the slots of paths that do not exist any more.
  void Keep(absl::FunctionRef<bool(wire::PathId path)> exists);

 private:
  absl::flat_hash_map<wire::PathId, wire::PathSlot> taken_;
  wire::PathSlot unused_ = 0;         // from here on nobody had a slot yet
  std::deque<wire::PathSlot> freed_;  // the oldest first
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LINK_PATH_SLOTS_H_
