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

// kTcp is of ports that warpd makes itself, beside those of the configuration: their datagrams travel in a TLS
// connection (control/carrier).
enum class KernelDriver : uint8_t { kAuto, kAfPacket, kAfXdp, kUdp, kTcp };

// Those of the configuration.
inline constexpr Words<KernelDriver, 4> kKernelDriverWords = {{
    {"auto", KernelDriver::kAuto},
    {"af_packet", KernelDriver::kAfPacket},
    {"af_xdp", KernelDriver::kAfXdp},
    {"udp", KernelDriver::kUdp},
}};

// What kAuto goes by: os::ReadDriverFacts.
struct DriverFacts {
  bool ethernet = false;                // the frames of the interface have an Ethernet header
  bool packet_sockets_allowed = false;  // to this process, with buffers as large as they should be
  bool packet_sockets_join = false;     // the kernel takes and gives joined frames there
};
struct DriverChoice {
  KernelDriver driver = KernelDriver::kUdp;  // never kAuto
  std::string reason;                        // "auto: wwan0 has no Ethernet header"
};
// A packet socket costs less than a socket of UDP, but only where it moves joined frames. The latter works everywhere,
// but for a VLAN (0: none) of an interface, whose tags it cannot write.
DriverChoice ChooseDriver(absl::string_view interface, const DriverFacts& facts, uint16_t vlan = 0);

// An interface that stays the kernel's: the kernel keeps its addresses, its routes and all traffic that is not ours.
struct KernelDevice {
  std::string interface;  // "eth0"
  KernelDriver driver = KernelDriver::kAuto;
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

// The VLANs of a device that may be ports (IEEE 802.1Q, table 9-2).
inline constexpr uint16_t kMinVlan = 1, kMaxVlan = 4094;

// "auto", "af_packet", "af_xdp", "udp", "tcp", "pci" or "devargs": the word for status.
absl::string_view DriverWord(const PortDevice& device);
// The interface, the address or the device arguments: what errors and status call the device.
const std::string& DeviceText(const PortDevice& device);

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_PORT_DEVICE_H_
