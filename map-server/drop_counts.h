// Drops by name; one thread's.
#ifndef WARP_MAP_SERVER_DROP_COUNTS_H_
#define WARP_MAP_SERVER_DROP_COUNTS_H_

#include <array>
#include <cstdint>

#include "dataplane/wire/drop.h"

namespace warp::map {

class DropCounts {
 public:
  void Count(wire::Drop drop, uint64_t times = 1) { counts_[static_cast<size_t>(drop)] += times; }
  uint64_t operator[](wire::Drop drop) const { return counts_[static_cast<size_t>(drop)]; }

 private:
  std::array<uint64_t, wire::kDropCount> counts_{};
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_DROP_COUNTS_H_
