// What a port is made of, as the configuration says it, and what the dataplane tells about it.
#ifndef WARP_DATAPLANE_FACADE_PORT_SPEC_H_
#define WARP_DATAPLANE_FACADE_PORT_SPEC_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/facade/snapshot.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/frame/frame.h"
#include "dataplane/wire/port_device.h"

namespace warp::lcore {

using wire::KernelDevice;
using wire::KernelDriver;
using wire::PciDevice;
using wire::PortDevice;
using wire::VirtualDevice;

// One VLAN of a device (IEEE 802.1Q), which is a port of its own.
struct PortVlan {
  uint16_t id = 0;  // wire::kMinVlan to kMaxVlan; 0: the frames that have no tag
  // The kernel has an interface for it, and thereby all its frames. Of a VLAN of a kernel interface alone.
  bool of_kernel = false;
  friend bool operator==(const PortVlan&, const PortVlan&) = default;
};

struct PortSpec {
  std::string name;  // as the operator calls it: "wan0"
  PortDevice device;
  std::string driver_reason;  // why this driver; empty where the configuration names it
  uint16_t mtu = 1500;        // largest IP packet of the kernel interface, or of the companion
  uint16_t listen_port = 0;   // the UDP port that is ours: kernel interfaces filter by it
  // Of a kernel interface, the best first: the port has one of them alone where it cannot have the interface.
  std::vector<wire::IpAddress> addresses;
  // Of the device's frames, those that are the port's; with a tag, if it has one, on the link alone.
  PortVlan vlan;
  // Of a device that a worker polls and that is not one port's alone: the VLANs of all its ports, this one's among
  // them, and the largest of their MTUs. The first of these ports opens the device, and the last one closes it. Empty:
  // the port has the device to itself, or a socket of its own.
  std::vector<PortVlan> device_vlans;
  uint16_t device_mtu = 0;
};

struct PortInfo {
  PortDevice device;          // as it was opened, so that its driver is never kAuto
  std::string driver_reason;  // as in PortSpec, and what else there is to say of how it was opened
  // Of the interface's addresses, the only one at which the port receives and from which it sends; nullopt: all.
  std::optional<wire::IpAddress> address;
  wire::MacAddress mac;
  uint16_t mtu = 0;  // the largest IP packet that fits its buffers
  WorkerId worker = 0;
  // True for a kernel interface, where the kernel handles what is not ours. Elsewhere a companion interface must.
  bool kernel_sees_frames = false;
  // Its frames leave with the interface's own MAC address and that of the next hop. False: the kernel finds the next
  // hop by itself, and `mac` is made up.
  bool has_link_layer = true;
  // A socket in whose error queue the kernel puts what it hears by ICMP of the port's datagrams; -1: none. Valid until
  // the port is removed.
  int error_fd = -1;
  // Of KernelDriver::kTcp: the carrier's end of the port's socket, valid until the port is removed (carrier_message.h);
  // elsewhere -1.
  int carrier_fd = -1;
  // Its frames go to other machines, so that they should carry UDP checksums.
  bool on_wire = false;
  // The port sends [header -> payload] chains without a copy.
  bool multi_segment_tx = false;
};

// What the driver of a port tells of its link.
enum class LinkState : uint8_t {
  kUp,
  kDown,  // no cable, or nobody at its other end
  kGone,  // the device was taken away, or the kernel asks for it: the port has to be closed
};

struct PortCounters {
  uint64_t rx_packets = 0, rx_bytes = 0, rx_missed = 0;
  uint64_t tx_packets = 0, tx_bytes = 0, tx_dropped = 0;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_FACADE_PORT_SPEC_H_
