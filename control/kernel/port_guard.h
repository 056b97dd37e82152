// Keeps the kernel quiet about WARP's UDP port. The kernel sees each frame of its own interfaces too, and would answer
// "port unreachable" to our peers. A socket therefore takes the port, with a filter that drops everything before it is
// queued: the kernel then sends no ICMP and uses no memory. Taking the port also shows whether another program has it.
// A port that is a socket of UDP itself (driver: udp) takes what comes by its interface before the guard sees it.
#ifndef WARP_CONTROL_KERNEL_PORT_GUARD_H_
#define WARP_CONTROL_KERNEL_PORT_GUARD_H_

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/endpoint.h"

namespace warp::control {

// Returns a socket of both families on every address, which must stay open as long as the port is ours. The error is
// AlreadyExists or PermissionDenied, or the code of the system's error, with a sentence that names the port.
absl::StatusOr<os::UniqueFd> GuardPort(uint16_t port);

// A router says by ICMP that larger packets of ours do not get to this address. Anybody may have made it up.
struct SizeHint {
  wire::IpAddress to;
  uint32_t mtu = 0;  // bytes of IP packet
};
// Takes one error that the kernel keeps for a socket (of the guard, or of a port of UDP), which shows POLLERR while
// there are some. False: there is none. `hint` is what it says of a size; nullopt: it says something else. It is one
// for each call, since whoever forges ICMP makes them as fast as they are read.
bool ReadIcmpError(int fd, std::optional<SizeHint>* hint);

}  // namespace warp::control

#endif  // WARP_CONTROL_KERNEL_PORT_GUARD_H_
