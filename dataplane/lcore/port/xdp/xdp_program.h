// The XDP program of an af_xdp port (warp_xdp.c), with its settings, as a file that the driver can load.
#ifndef WARP_DATAPLANE_LCORE_PORT_XDP_XDP_PROGRAM_H_
#define WARP_DATAPLANE_LCORE_PORT_XDP_XDP_PROGRAM_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "dataplane/facade/port_spec.h"
#include "dataplane/os/unique_fd.h"

namespace warp::lcore {

// By which the kernel lists it.
inline constexpr absl::string_view kXdpProgramName = "warp_xdp";

// UDP to `udp_port` is the socket's in these VLANs, and everything else of those that the kernel has no interface for.
// Without any VLAN it is that UDP without a tag. An empty descriptor: there is no memory.
os::UniqueFd XdpProgramFile(uint16_t udp_port, const std::vector<PortVlan>& vlans);

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_XDP_XDP_PROGRAM_H_
