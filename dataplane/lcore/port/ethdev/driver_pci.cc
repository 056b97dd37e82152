#include "dataplane/lcore/port/ethdev/driver_pci.h"

#include <rte_eal.h>
#include <rte_pci.h>

#include <array>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dataplane/lcore/port/device.h"

namespace warp::lcore {
namespace {

// The process has named memory in one way since it started, and the device may need the other.
absl::Status CheckIova(const os::PciFacts& facts) {
  const absl::StatusOr<os::Iova> needed = os::ChooseIova({facts});
  if (!needed.ok()) return needed.status();
  if (*needed == os::Iova::kVirtual || rte_eal_iova_mode() == RTE_IOVA_PA) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("pci ", facts.address, " has been bound to ", facts.driver,
                   " since warpd started, and is without an IOMMU: warpd has to be started again"));
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
  std::unique_ptr<PciPort> port(new PciPort(spec, id, rx_pool, address));
  const os::PciFacts facts = os::ReadPciFacts(address);
  if (absl::Status status = os::CheckNetworkCard(facts); !status.ok()) return status;
  if (absl::Status status = CheckIova(facts); !status.ok()) return status;
  if (!rte_eal_has_hugepages()) {
    return absl::FailedPreconditionError(absl::StrCat("pci ", address, ": needs hugepages"));
  }

  absl::StatusOr<uint16_t> ethdev = PlugDevice("pci", address, "");
  if (absl::IsUnimplemented(ethdev.status())) {
    return absl::UnimplementedError(
        absl::StrCat("pci ", address, " (", facts.id,
                     ") has no driver of DPDK's here; Debian has each in a package of its own, "
                     "librte-net-*"));
  }
  if (!ethdev.ok()) return ethdev.status();
  port->Adopt(*ethdev, /*owned=*/true);
  if (absl::Status status = port->Start(); !status.ok()) return status;
  // The companion interface wants neighbour discovery and router advertisements, which are multicast.
  rte_eth_allmulticast_enable(*ethdev);
  return port;
}

// A register of a card that is gone reads as ones, which would be counted as bytes.
PortCounters PciPort::Counters() const { return gone() ? last_counters() : EthdevPort::Counters(); }

// The driver of a device that is gone must not be asked any more.
LinkState PciPort::Link() const { return gone() ? LinkState::kGone : EthdevPort::Link(); }

}  // namespace warp::lcore
