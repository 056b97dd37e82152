// The parts that drivers of ports share: plugging DPDK's devices in by name, the error sentence when that fails, and
// kernel interfaces. Any thread that opens or closes a device.
#ifndef WARP_DATAPLANE_LCORE_PORT_DEVICE_H_
#define WARP_DATAPLANE_LCORE_PORT_DEVICE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

struct rte_device;

namespace warp::lcore {

// Plugs in a device of a bus ("vdev", "pci") and returns the number of its Ethernet port. EAL does not plug two devices
// at a time, so that the call waits for another one, and is Unavailable where that one hangs. Unimplemented: no driver
// of DPDK's that is here knows the device.
absl::StatusOr<uint16_t> PlugDevice(const std::string& bus, const std::string& name,
                                    const std::string& arguments);
// Pulls a device out that was plugged in. It waits for another thread that plugs, too.
void UnplugDevice(rte_device* device);

// "net_af_xdp" -> "net_af_xdp3": a name that no device of this process ever had.
std::string NewDeviceName(absl::string_view driver);

// An error whose sentence is `what` and the reason that DPDK has logged on this thread since ClearEalLog. Where it
// logged none, the reason is the text of `code`, a negative or positive errno.
absl::Status DeviceError(absl::string_view what, int code);

// A kernel interface of this network namespace.
struct LinkInterface {
  int index = 0;
  // What its frames begin with: an Ethernet header, or an IP header (tun, ppp, raw IP of a modem).
  bool ethernet = true;
};
// NotFound: there is none of that name. InvalidArgument: its frames begin with something else.
absl::StatusOr<LinkInterface> FindLinkInterface(const std::string& name);
// InvalidArgument also where it is not Ethernet.
absl::StatusOr<int> EthernetInterface(const std::string& name);

// Makes an interface receive the frames of VLANs and groups that the kernel does not know, for as long as this packet
// socket is open: its adapter might leave them out. False, with errno: the kernel refused.
bool HearWholeVlan(int packet_socket, int interface);

// The sockets of this process that have this domain (SO_DOMAIN), in ascending order. Drivers do not tell which is
// theirs, so it is found by comparing what was there before.
std::vector<int> SocketsOfDomain(int domain);

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_DEVICE_H_
