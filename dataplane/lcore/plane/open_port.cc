#include "dataplane/lcore/plane/open_port.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/lcore/memory/buffer_size.h"
#include "dataplane/lcore/port/carrier/driver_carrier.h"
#include "dataplane/lcore/port/ethdev/driver_pci.h"
#include "dataplane/lcore/port/ethdev/driver_vdev.h"
#include "dataplane/lcore/port/ethdev/lab_port.h"
#include "dataplane/lcore/port/packet_socket/driver_af_packet.h"
#include "dataplane/lcore/port/udp_socket/driver_udp.h"
#include "dataplane/lcore/port/vlan/vlan_port.h"
#include "dataplane/lcore/port/xdp/driver_af_xdp.h"
#include "dataplane/os/kernel_ports.h"

namespace warp::lcore {
namespace {

using OpenedPort = absl::StatusOr<std::unique_ptr<Port>>;

// Hands each kind of device to its driver.
struct Driver {
  const PortSpec& spec;
  const PortId id;
  rte_mempool* const rx_pool;

  OpenedPort operator()(const KernelDevice& device) const {
    switch (device.driver) {
      case KernelDriver::kAfPacket:
        return AfPacketPort::Open(device, spec, id, rx_pool);
      case KernelDriver::kAfXdp:
        return AfXdpPort::Open(device, spec, id, rx_pool);
      case KernelDriver::kUdp:
        return UdpPort::Open(device, spec, id, rx_pool);
      case KernelDriver::kTcp:
        return CarrierPort::Open(device, spec, id, rx_pool);
      case KernelDriver::kAuto:
        break;
    }
    wire::DriverChoice choice =
        wire::ChooseDriver(device.interface, os::ReadDriverFacts(device.interface), spec.vlan.id);
    PortSpec chosen = spec;
    chosen.device = KernelDevice{device.interface, choice.driver};
    chosen.driver_reason = std::move(choice.reason);
    return std::visit(Driver{chosen, id, rx_pool}, chosen.device);
  }
  OpenedPort operator()(const PciDevice& device) const {
    return PciPort::Open(device, spec, id, rx_pool);
  }
  OpenedPort operator()(const VirtualDevice& device) const {
    return absl::StartsWith(device.devargs, kLabDevice) ? LabPort::Open(device, spec, id, rx_pool)
                                                        : VdevPort::Open(device, spec, id, rx_pool);
  }
};

// The device of several ports, opened for all of them.
absl::StatusOr<std::shared_ptr<VlanTrunk>> OpenTrunk(const PortSpec& spec, PortId id,
                                                     rte_mempool* rx_pool) {
  PortSpec whole = spec;
  whole.mtu = std::max(spec.mtu, spec.device_mtu);
  OpenedPort device = std::visit(Driver{whole, id, rx_pool}, whole.device);
  if (!device.ok()) return device.status();
  return std::make_shared<VlanTrunk>(*std::move(device), spec.device_vlans);
}

}  // namespace

OpenedPort OpenPort(const PortSpec& spec, PortId id, rte_mempool* rx_pool,
                    std::shared_ptr<VlanTrunk>* trunk) {
  const uint16_t most = MtuOfRoom(rte_pktmbuf_data_room_size(rx_pool));
  if (spec.mtu > most) {
    return absl::InvalidArgumentError(
        absl::StrCat("MTU ", spec.mtu, " is larger than the ", most,
                     " bytes for which packet buffers were made at start"));
  }
  if (spec.device_vlans.empty()) return std::visit(Driver{spec, id, rx_pool}, spec.device);
  std::shared_ptr<VlanTrunk> own;
  if (trunk == nullptr) trunk = &own;
  if (*trunk == nullptr) {
    absl::StatusOr<std::shared_ptr<VlanTrunk>> opened = OpenTrunk(spec, id, rx_pool);
    if (!opened.ok()) return opened.status();
    *trunk = *std::move(opened);
  }
  return VlanPort::Open(*trunk, spec, id);
}

}  // namespace warp::lcore
