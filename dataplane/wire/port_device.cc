#include "dataplane/wire/port_device.h"

namespace warp::wire {

absl::string_view DriverWord(const PortDevice& device) {
  if (const auto* kernel = std::get_if<KernelDevice>(&device)) {
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
