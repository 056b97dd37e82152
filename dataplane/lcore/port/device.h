// DPDK devices by name: plugging one in, and what it says when that fails.
#ifndef WARP_DATAPLANE_LCORE_PORT_DEVICE_H_
#define WARP_DATAPLANE_LCORE_PORT_DEVICE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace warp::lcore {

// Plugs in a device of a bus ("vdev", "pci") and returns the number of its Ethernet port. Control
// thread.
absl::StatusOr<uint16_t> PlugDevice(const std::string& bus, const std::string& name,
                                    const std::string& arguments);

// "net_af_xdp" -> "net_af_xdp3": a name that no device of this process ever had.
std::string NewDeviceName(absl::string_view driver);

// `what` and the reason DPDK logged since ClearEalLog, or else that of `code` (a negative or
// positive errno).
absl::Status DeviceError(absl::string_view what, int code);

// The index of a kernel interface of this network namespace. NotFound; InvalidArgument where it is
// not Ethernet.
absl::StatusOr<int> EthernetInterface(const std::string& name);

// The sockets of this process that have this domain (SO_DOMAIN), ascending: drivers do not say
// which is theirs.
std::vector<int> SocketsOfDomain(int domain);

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_DEVICE_H_
