// The interfaces by which this machine reaches the world.
#ifndef WARP_TOOLS_MACHINE_UPLINKS_H_
#define WARP_TOOLS_MACHINE_UPLINKS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tools/machine/machine.h"

namespace warp::tools {

// Those with a default route in any routing table, in the order in which the kernel prefers them. The error says why
// routes cannot be read.
absl::StatusOr<std::vector<std::string>> ReadUplinks(const Machine& machine);

}  // namespace warp::tools

#endif  // WARP_TOOLS_MACHINE_UPLINKS_H_
