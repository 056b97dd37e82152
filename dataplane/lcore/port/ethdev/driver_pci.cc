#include "dataplane/lcore/port/ethdev/driver_pci.h"

#include <rte_eal.h>
#include <rte_pci.h>

#include <array>
#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "dataplane/lcore/port/device.h"

namespace warp::lcore {
namespace {

// Returns whether DPDK reaches a device through this kernel driver: a generic one, or one of a bifurcated adapter.
bool IsUsable(absl::string_view driver) {
  for (absl::string_view usable :
       {"vfio-pci", "uio_pci_generic", "igb_uio", "mlx4_core", "mlx5_core"}) {
    if (driver == usable) return true;
  }
  return false;
}

absl::Status CheckBinding(const std::string& address) {
  const std::filesystem::path device = std::filesystem::path("/sys/bus/pci/devices") / address;
  std::error_code error;
  if (!std::filesystem::exists(device, error)) {
    return absl::NotFoundError(absl::StrCat("pci ", address, ": no such device"));
  }
  const std::string driver = std::filesystem::read_symlink(device / "driver", error).filename();
  if (!error && IsUsable(driver)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "pci ", address, error ? " is bound to no driver" : absl::StrCat(" is bound to ", driver),
      "; bind it to vfio-pci (dpdk-devbind.py --bind=vfio-pci ", address, ")"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Port>> PciPort::Open(const PciDevice& device, const PortSpec& spec,
                                                    PortId id, rte_mempool* rx_pool) {
  rte_pci_addr parsed{};
  if (rte_pci_addr_parse(device.address.c_str(), &parsed) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("pci ", device.address, ": not an address such as 0000:3b:00.0"));
  }
  std::array<char, PCI_PRI_STR_SIZE + 1> text{};
  rte_pci_device_name(&parsed, text.data(), text.size());
  const std::string address = text.data();
  if (absl::Status status = CheckBinding(address); !status.ok()) return status;
  if (!rte_eal_has_hugepages()) {
    return absl::FailedPreconditionError(absl::StrCat("pci ", address, ": needs hugepages"));
  }

  absl::StatusOr<uint16_t> ethdev = PlugDevice("pci", address, "");
  if (!ethdev.ok()) return ethdev.status();
  std::unique_ptr<PciPort> port(new PciPort(spec, id, rx_pool));
  port->Adopt(*ethdev, /*owned=*/true);
  if (absl::Status status = port->Start(); !status.ok()) return status;
  // The companion interface wants neighbour discovery and router advertisements, which are multicast.
  rte_eth_allmulticast_enable(*ethdev);
  return port;
}

}  // namespace warp::lcore
