// Divides what a port may send among the paths that leave by it, whichever peers they lead to: each path paces itself,
// and many of them together would exceed the port's `rate`. Who needs less than an equal part leaves the rest to those
// whose payloads wait. Looked at again every kSharesLast. Pure.
#ifndef WARP_CONTROL_BONDING_PORT_SHARES_H_
#define WARP_CONTROL_BONDING_PORT_SHARES_H_

#include <chrono>
#include <span>
#include <vector>

#include "control/bonding/capacity.h"
#include "dataplane/wire/ids.h"
#include "dataplane/wire/path_mask.h"

namespace warp::bonding {

inline constexpr Duration kSharesLast = std::chrono::milliseconds(50);

// What a path has made of its share lately.
struct PathUse {
  wire::PortId port = 0;
  wire::PathSlot slot = wire::kNoPathSlot;
  Rate rate = 0;      // of the port, in bytes a second; the same for all of its paths
  double weight = 1;  // of the tunnels that send by it
  Rate in_use = 0;    // bytes a second
  bool waited = false;
};

// The shares of the paths of one port, in their order. They add up to its rate, but for what idle paths have so that
// they can begin: all of them together a twentieth.
std::vector<Rate> DivideRate(std::span<const PathUse> paths);

}  // namespace warp::bonding

#endif  // WARP_CONTROL_BONDING_PORT_SHARES_H_
