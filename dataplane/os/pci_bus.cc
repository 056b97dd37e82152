#include "dataplane/os/pci_bus.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace warp::os {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t kNetworkClass = 0x02;

// The first word of a file; empty where it cannot be read.
std::string WordOf(const fs::path& path) {
  std::string word;
  std::ifstream(path) >> word;
  return word;
}

// The last part of where a link points to; empty where there is none.
std::string TargetOf(const fs::path& path) {
  std::error_code error;
  const fs::path target = fs::read_symlink(path, error);
  return error ? "" : target.filename().string();
}

std::string WithDomain(const std::string& address) {
  const bool has_domain = std::count(address.begin(), address.end(), ':') > 1;
  return has_domain ? address : absl::StrCat("0000:", address);
}

fs::path DirectoryOf(const std::string& address, const fs::path& sysfs) {
  return sysfs / "bus/pci/devices" / WithDomain(address);
}

uint32_t HexOf(const fs::path& path) {
  uint32_t value = 0;
  return absl::SimpleHexAtoi(WordOf(path), &value) ? value : 0;
}

bool HasIommu(const fs::path& sysfs) {
  std::error_code error;
  const bool none = fs::is_empty(sysfs / "class/iommu", error);
  return !error && !none;
}

bool IsVfio(const PciFacts& facts) { return facts.driver == "vfio-pci"; }

bool IsUio(const PciFacts& facts) {
  return facts.driver == "uio_pci_generic" || facts.driver == "igb_uio";
}

// The adapter stays with the kernel, whose driver gives programs queues of their own.
bool IsBifurcated(const PciFacts& facts) {
  return facts.driver == "mlx4_core" || facts.driver == "mlx5_core";
}

std::string HowToBind(const PciFacts& facts) {
  if (facts.iommu) {
    return absl::StrCat("bind it to vfio-pci (modprobe vfio-pci; dpdk-devbind.py --bind=vfio-pci ",
                        facts.address, ")");
  }
  return absl::StrCat(
      "as no IOMMU is behind it, bind it to uio_pci_generic (modprobe uio_pci_generic; "
      "dpdk-devbind.py --bind=uio_pci_generic ",
      facts.address,
      "), or switch on the machine's IOMMU (intel_iommu=on) and bind it to vfio-pci");
}

}  // namespace

PciFacts ReadPciFacts(const std::string& address, const fs::path& sysfs) {
  PciFacts facts;
  facts.address = WithDomain(address);
  const fs::path device = DirectoryOf(address, sysfs);
  std::error_code error;
  facts.present = fs::exists(device, error);
  if (!facts.present) {
    facts.iommu = HasIommu(sysfs);
    return facts;
  }
  facts.class_code = HexOf(device / "class");
  facts.id = absl::StrFormat("%04x:%04x", HexOf(device / "vendor"), HexOf(device / "device"));
  facts.driver = TargetOf(device / "driver");
  facts.iommu = fs::exists(device / "iommu_group", error) &&
                WordOf(device / "iommu_group/name") != "vfio-noiommu";
  const std::string type = WordOf(device / "iommu_group/type");
  facts.translated = facts.iommu && !type.empty() && type != "identity";
  facts.vfio_type1 = fs::exists(sysfs / "module/vfio_iommu_type1", error);
  return facts;
}

absl::Status CheckNetworkCard(const PciFacts& facts) {
  const std::string name = absl::StrCat("pci ", facts.address);
  if (!facts.present) return absl::NotFoundError(absl::StrCat(name, ": no such device"));
  if (facts.class_code >> 16 != kNetworkClass) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%s (%s) is not a network card: its class is 0x%06x", name, facts.id, facts.class_code));
  }
  if (IsVfio(facts) && facts.iommu && !facts.vfio_type1) {
    return absl::FailedPreconditionError(
        absl::StrCat(name,
                     ": the kernel has not loaded vfio's part for IOMMUs; run modprobe "
                     "vfio_iommu_type1"));
  }
  if (IsUio(facts) && facts.translated) {
    return absl::FailedPreconditionError(
        absl::StrCat(name, " is bound to ", facts.driver,
                     ", for which the IOMMU behind it lets no packet through; ", HowToBind(facts)));
  }
  if (IsVfio(facts) || IsUio(facts) || IsBifurcated(facts)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      name, facts.driver.empty() ? " is bound to no driver" : " is bound to " + facts.driver, "; ",
      HowToBind(facts)));
}

absl::StatusOr<Iova> ChooseIova(const std::vector<PciFacts>& devices) {
  const PciFacts *with = nullptr, *without = nullptr;
  Iova iova = Iova::kVirtual;
  for (const PciFacts& facts : devices) {
    if (IsVfio(facts)) {
      (facts.iommu ? with : without) = &facts;
    } else if (IsUio(facts) || (!facts.iommu && !IsBifurcated(facts))) {
      iova = Iova::kPhysical;
    }
  }
  if (without == nullptr) return iova;
  if (with != nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("pci ", with->address, " has an IOMMU behind it and pci ", without->address,
                     " has none, and vfio drives both: one process cannot have both kinds; bind "
                     "one of them to uio_pci_generic"));
  }
  return Iova::kPhysical;
}

PciBinding::PciBinding(const std::string& address, const fs::path& sysfs)
    : directory_(open(DirectoryOf(address, sysfs).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
      driver_(Driver()) {}

std::string PciBinding::Driver() const {
  std::array<char, PATH_MAX> target;
  const ssize_t size = readlinkat(directory_.get(), "driver", target.data(), target.size());
  return {target.data(), static_cast<size_t>(std::max<ssize_t>(size, 0))};
}

}  // namespace warp::os
