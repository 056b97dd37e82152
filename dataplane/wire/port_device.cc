#include "dataplane/wire/port_device.h"

#include "absl/strings/str_cat.h"

namespace warp::wire {

DriverChoice ChooseDriver(absl::string_view interface, const DriverFacts& facts, uint16_t vlan) {
  if (vlan != 0) {
    return {KernelDriver::kAfPacket,
            absl::StrCat("auto: the tags of a VLAN of ", interface, " take a packet socket")};
  }
  if (!facts.ethernet) {
    return {KernelDriver::kUdp, absl::StrCat("auto: ", interface, " has no Ethernet header")};
  }
  if (!facts.packet_sockets_allowed) {
    return {KernelDriver::kUdp, "auto: a packet socket needs CAP_NET_RAW and CAP_NET_ADMIN"};
  }
  if (!facts.packet_sockets_join) {
    return {KernelDriver::kUdp, "auto: packet sockets join no frames before Linux 6.2"};
  }
  return {KernelDriver::kAfPacket,
          absl::StrCat("auto: ", interface, " is Ethernet, and packet sockets join frames")};
}

absl::string_view DriverWord(const PortDevice& device) {
  if (const auto* kernel = std::get_if<KernelDevice>(&device)) {
    if (kernel->driver == KernelDriver::kTcp) return "tcp";
    return WordOf(kKernelDriverWords, kernel->driver);
  }
  return std::holds_alternative<PciDevice>(device) ? "pci" : "devargs";
}

const std::string& DeviceText(const PortDevice& device) {
  if (const auto* kernel = std::get_if<KernelDevice>(&device)) return kernel->interface;
  if (const auto* pci = std::get_if<PciDevice>(&device)) return pci->address;
  return std::get<VirtualDevice>(device).devargs;
}

}  // namespace warp::wire
