// The device behind a port: a choice of the configuration that the dataplane opens. The kind of the device implies the
// driver, so a PCI address cannot be given to af_packet.
#ifndef WARP_DATAPLANE_WIRE_PORT_DEVICE_H_
#define WARP_DATAPLANE_WIRE_PORT_DEVICE_H_

#include <cstdint>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"
#include "dataplane/wire/words.h"

namespace warp::wire {

enum class KernelDriver : uint8_t { kAfPacket, kAfXdp };

inline constexpr Words<KernelDriver, 2> kKernelDriverWords = {{
    {"af_packet", KernelDriver::kAfPacket},
    {"af_xdp", KernelDriver::kAfXdp},
}};

// An interface that stays the kernel's: the kernel keeps its addresses, its routes and all traffic that is not ours.
struct KernelDevice {
  std::string interface;  // "eth0"
  KernelDriver driver = KernelDriver::kAfPacket;
};

// A network adapter that DPDK takes from the kernel.
struct PciDevice {
  std::string address;  // "0000:3b:00.0"
};

// A virtual device of DPDK, named as its option --vdev names it.
struct VirtualDevice {
  std::string devargs;  // "net_memif0,role=server,id=0"
};

using PortDevice = std::variant<KernelDevice, PciDevice, VirtualDevice>;

// "af_packet", "af_xdp", "pci" or "devargs": the word for status.
absl::string_view DriverWord(const PortDevice& device);
// The interface, the address or the device arguments: what errors and status call the device.
const std::string& DeviceText(const PortDevice& device);

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_PORT_DEVICE_H_
