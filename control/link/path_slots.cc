#include "control/link/path_slots.h"

#include <algorithm>
#include <vector>

namespace warp::control {

wire::PathSlot PathSlots::Of(wire::PathId path) {
  const auto found = taken_.find(path);
  if (found != taken_.end()) return found->second;
  wire::PathSlot slot = wire::kNoPathSlot;
  if (unused_ < wire::kPathSlots) {
    slot = unused_++;
  } else if (!freed_.empty()) {
    slot = freed_.front();
    freed_.pop_front();
  } else {
    return slot;
  }
  taken_.emplace(path, slot);
  return slot;
}

// Slots that are freed at once have an order of their own, which does not depend on how a table is laid out.
void PathSlots::Keep(absl::FunctionRef<bool(wire::PathId path)> exists) {
  std::vector<wire::PathSlot> freed;
  absl::erase_if(taken_, [&](const auto& path) {
    if (exists(path.first)) return false;
    freed.push_back(path.second);
    return true;
  });
  std::sort(freed.begin(), freed.end());
  freed_.insert(freed_.end(), freed.begin(), freed.end());
}

}  // namespace warp::control
