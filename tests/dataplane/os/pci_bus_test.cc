// What the PCI bus says, by a sysfs that the test makes.
#include "dataplane/os/pci_bus.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace warp::os {
namespace {

namespace fs = std::filesystem;

struct Card {
  std::string address;
  std::string driver;             // empty: bound to none
  std::string group;              // of the IOMMU: its name file; "-": a group without one
  std::string kind = "0x020000";  // an Ethernet card
  std::string type = "";          // of the group
};

class PciBus : public testing::Test {
 protected:
  PciBus() : sysfs_(fs::path(testing::TempDir()) / absl::StrCat("pci_bus.", getpid())) {
    fs::create_directories(sysfs_ / "module");
  }
  ~PciBus() override { fs::remove_all(sysfs_); }

  PciFacts Add(const Card& card) {
    const fs::path device = sysfs_ / "bus/pci/devices" / card.address;
    fs::create_directories(device);
    Write(device / "class", card.kind);
    Write(device / "vendor", "0x8086");
    Write(device / "device", "0x10d3");
    if (!card.driver.empty())
      fs::create_symlink("../../../bus/pci/drivers/" + card.driver, device / "driver");
    if (!card.group.empty()) fs::create_directories(device / "iommu_group");
    if (card.group.size() > 1) Write(device / "iommu_group/name", card.group);
    if (!card.type.empty()) Write(device / "iommu_group/type", card.type);
    return ReadPciFacts(card.address, sysfs_);
  }
  void AddIommu() { fs::create_directories(sysfs_ / "class/iommu/dmar0"); }
  void LoadType1() { fs::create_directories(sysfs_ / "module/vfio_iommu_type1"); }

  static void Write(const fs::path& path, const std::string& text) {
    std::ofstream(path) << text << "\n";
  }

  const fs::path sysfs_;
};

TEST_F(PciBus, AnAddressMayLackItsDomain) {
  Add({"0000:3b:00.0", "vfio-pci", "-"});
  const PciFacts facts = ReadPciFacts("3b:00.0", sysfs_);
  EXPECT_TRUE(facts.present);
  EXPECT_EQ(facts.address, "0000:3b:00.0");
  EXPECT_EQ(facts.id, "8086:10d3");
  EXPECT_EQ(facts.driver, "vfio-pci");
}

TEST_F(PciBus, WhatIsNotThereOrNoNetworkCardIsSaid) {
  const PciFacts none = ReadPciFacts("0000:00:1f.7", sysfs_);
  EXPECT_EQ(CheckNetworkCard(none), absl::NotFoundError("pci 0000:00:1f.7: no such device"));
  const PciFacts disk = Add({"0000:00:1f.2", "ahci", "-", "0x010601"});
  EXPECT_EQ(CheckNetworkCard(disk),
            absl::InvalidArgumentError(
                "pci 0000:00:1f.2 (8086:10d3) is not a network card: its class is 0x010601"));
}

TEST_F(PciBus, EachWayToReachACardIsTaken) {
  LoadType1();
  EXPECT_TRUE(CheckNetworkCard(Add({"0000:01:00.0", "vfio-pci", "-"})).ok());
  EXPECT_TRUE(CheckNetworkCard(Add({"0000:02:00.0", "vfio-pci", "vfio-noiommu"})).ok());
  EXPECT_TRUE(CheckNetworkCard(Add({"0000:03:00.0", "uio_pci_generic", ""})).ok());
  EXPECT_TRUE(CheckNetworkCard(Add({"0000:04:00.0", "mlx5_core", "-"})).ok());
}

TEST_F(PciBus, TheAdviceIsOneThatTheMachineCanFollow) {
  const absl::Status with = CheckNetworkCard(Add({"0000:01:00.0", "e1000e", "-"}));
  EXPECT_TRUE(absl::StrContains(with.message(), "is bound to e1000e; bind it to vfio-pci")) << with;
  const absl::Status without = CheckNetworkCard(Add({"0000:02:00.0", "", ""}));
  EXPECT_TRUE(absl::StrContains(without.message(), "is bound to no driver; as no IOMMU is behind"))
      << without;
  EXPECT_TRUE(absl::StrContains(without.message(), "--bind=uio_pci_generic 0000:02:00.0"));
  const absl::Status half = CheckNetworkCard(Add({"0000:03:00.0", "vfio-pci", "-"}));
  EXPECT_TRUE(absl::StrContains(half.message(), "modprobe vfio_iommu_type1")) << half;
}

TEST_F(PciBus, AddressesAreVirtualOnlyWhereAnIommuIsBehindEachCard) {
  const PciFacts vfio = Add({"0000:01:00.0", "vfio-pci", "-"});
  const PciFacts bare = Add({"0000:02:00.0", "vfio-pci", "vfio-noiommu"});
  const PciFacts uio = Add({"0000:03:00.0", "uio_pci_generic", ""});
  const PciFacts mlx = Add({"0000:04:00.0", "mlx5_core", ""});
  EXPECT_EQ(*ChooseIova({}), Iova::kVirtual);
  EXPECT_EQ(*ChooseIova({vfio, mlx}), Iova::kVirtual);
  EXPECT_EQ(*ChooseIova({mlx, uio}), Iova::kPhysical);
  EXPECT_EQ(*ChooseIova({bare}), Iova::kPhysical);
  EXPECT_EQ(*ChooseIova({vfio, uio}), Iova::kPhysical);
  EXPECT_EQ(*ChooseIova({bare, uio}), Iova::kPhysical);
  EXPECT_EQ(ChooseIova({vfio, bare}).status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(ChooseIova({bare, mlx, vfio}).status().code(), absl::StatusCode::kFailedPrecondition);
}

// It would open, and neither receive nor send.
TEST_F(PciBus, ACardThatTheIommuLetsNothingThroughForIsRefused) {
  const std::string net = "0x020000";
  int card = 0;
  for (const char* type : {"DMA", "DMA-FQ", "blocked"}) {
    const std::string address = absl::StrCat("0000:01:00.", card++);
    const absl::Status status = CheckNetworkCard(Add({address, "uio_pci_generic", "-", net, type}));
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << type;
    EXPECT_TRUE(absl::StrContains(status.message(), "lets no packet through; bind it to vfio-pci"))
        << status;
  }
  EXPECT_TRUE(CheckNetworkCard(Add({"0000:02:00.0", "igb_uio", "-", net, "identity"})).ok());
  LoadType1();
  EXPECT_TRUE(CheckNetworkCard(Add({"0000:03:00.0", "vfio-pci", "-", net, "DMA"})).ok());
  EXPECT_TRUE(CheckNetworkCard(Add({"0000:04:00.0", "mlx5_core", "-", net, "DMA"})).ok());
}

// The choice is made once, and a card may come, or be bound, long after that.
TEST_F(PciBus, ACardThatIsYetToComeOrToBeBoundCounts) {
  const auto absent = [this] { return ReadPciFacts("0000:05:00.0", sysfs_); };
  EXPECT_EQ(*ChooseIova({absent()}), Iova::kPhysical);
  fs::create_directories(sysfs_ / "class/iommu");
  EXPECT_EQ(*ChooseIova({absent()}), Iova::kPhysical);
  AddIommu();
  EXPECT_EQ(*ChooseIova({absent()}), Iova::kVirtual);
  EXPECT_EQ(*ChooseIova({Add({"0000:01:00.0", "", "-"})}), Iova::kVirtual);
  EXPECT_EQ(*ChooseIova({Add({"0000:02:00.0", "", ""})}), Iova::kPhysical);
  EXPECT_EQ(*ChooseIova({Add({"0000:03:00.0", "e1000e", ""})}), Iova::kPhysical);
}

TEST_F(PciBus, ABindingEndsWithItsDriverOrItsDevice) {
  Add({"0000:01:00.0", "vfio-pci", "-"});
  Add({"0000:02:00.0", "", ""});
  const fs::path device = sysfs_ / "bus/pci/devices/0000:01:00.0";
  const PciBinding binding("01:00.0", sysfs_);
  EXPECT_TRUE(binding.holds());
  EXPECT_FALSE(PciBinding("0000:02:00.0", sysfs_).holds());
  EXPECT_FALSE(PciBinding("0000:03:00.0", sysfs_).holds());
  fs::remove(device / "driver");
  EXPECT_FALSE(binding.holds());
  fs::create_symlink("../../../bus/pci/drivers/e1000e", device / "driver");
  EXPECT_FALSE(binding.holds());
  fs::remove(device / "driver");
  fs::create_symlink("../../../bus/pci/drivers/vfio-pci", device / "driver");
  EXPECT_TRUE(binding.holds());
  // Another card comes to where it was.
  fs::remove_all(device);
  EXPECT_FALSE(binding.holds());
  Add({"0000:01:00.0", "vfio-pci", "-"});
  EXPECT_FALSE(binding.holds());
  EXPECT_TRUE(PciBinding("0000:01:00.0", sysfs_).holds());
}

}  // namespace
}  // namespace warp::os
