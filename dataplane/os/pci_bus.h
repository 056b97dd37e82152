// What the kernel's PCI bus says of a device that DPDK is to drive. It is read from sysfs. Any thread.
#ifndef WARP_DATAPLANE_OS_PCI_BUS_H_
#define WARP_DATAPLANE_OS_PCI_BUS_H_

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "dataplane/os/unique_fd.h"

namespace warp::os {

struct PciFacts {
  std::string address;  // "0000:3b:00.0"
  bool present = false;
  uint32_t class_code = 0;  // "PCI Code and ID Assignment": base class, subclass, interface
  std::string id;           // "8086:10d3", vendor and device
  std::string driver;       // of the kernel, that it is bound to; empty: none
  // Addresses that the device uses go through an IOMMU. A group that vfio made without one ("vfio-noiommu") is none. Of
  // a device that is not there: the machine has one, behind which it will be.
  bool iommu = false;
  // That IOMMU passes on only what the kernel has mapped for the device's driver (group type "DMA"). False, too, where
  // it lets all through as it is ("identity", by iommu=pt), or the kernel does not say.
  bool translated = false;
  bool vfio_type1 = false;  // the kernel has the part of vfio that works with an IOMMU
};

// How the device names memory when it reads and writes packets.
enum class Iova : uint8_t {
  kVirtual,   // by addresses of this process, which an IOMMU translates
  kPhysical,  // by addresses of the memory itself, which needs no IOMMU
};

// `address`: "0000:3b:00.0" or "3b:00.0".
PciFacts ReadPciFacts(const std::string& address, const std::filesystem::path& sysfs = "/sys");

// OK: DPDK can drive it as a network card. NotFound: there is no such device. InvalidArgument: it is no network card.
// FailedPrecondition: it is not bound to a driver through which DPDK and the card reach each other; the message says to
// which it can be.
absl::Status CheckNetworkCard(const PciFacts& facts);

// What all of the devices can work with, as one process has one way for all: kPhysical where one of them has no IOMMU
// behind it, or is reached by a driver that knows none. This counts too for one that is not there or not bound yet, as
// it will come without an IOMMU. Of an adapter that stays with the kernel nothing follows: the kernel translates.
// FailedPrecondition: vfio drives one with and one without an IOMMU, which one process cannot have.
absl::StatusOr<Iova> ChooseIova(const std::vector<PciFacts>& devices);

// That a device is there, and bound to the driver to which it was bound when this was made. A directory of sysfs is
// held open meanwhile, so that another device at the same address is not taken for this one.
class PciBinding {
 public:
  explicit PciBinding(const std::string& address, const std::filesystem::path& sysfs = "/sys");
  // Makes a system call. Once it was false it stays so, unless the same device is bound again. Any thread.
  bool holds() const { return !driver_.empty() && Driver() == driver_; }

 private:
  std::string Driver() const;

  const UniqueFd directory_;
  const std::string driver_;  // where the link of this name points to
};

}  // namespace warp::os

#endif  // WARP_DATAPLANE_OS_PCI_BUS_H_
