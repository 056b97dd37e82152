// Keeps the kernel quiet about WARP's UDP port. The kernel sees each frame of its own interfaces
// too, and would answer "port unreachable" to our peers: this socket takes the port, and its filter
// drops everything before it is queued (baseline: no ICMP, no memory). It also finds out when
// another program has the port.
#ifndef WARP_CONTROL_KERNEL_PORT_GUARD_H_
#define WARP_CONTROL_KERNEL_PORT_GUARD_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "dataplane/os/unique_fd.h"

namespace warp::control {

// The socket to keep open as long as the port is ours; both families, every address. AlreadyExists
// or PermissionDenied with a sentence that names the port.
absl::StatusOr<os::UniqueFd> GuardPort(uint16_t port);

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_PORT_GUARD_H_
