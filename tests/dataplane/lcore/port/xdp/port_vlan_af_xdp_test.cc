// VLANs of a kernel interface by af_xdp: they share its one socket, and the XDP program lets in theirs alone.
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/lcore/port/vlan/vlan_port.h"
#include "dataplane/lcore/port/vlan/vlan_tag.h"
#include "tests/dataplane/lcore/port/port_kernel_fixture.h"

namespace warp::lcore {
namespace {

class VlanAfXdpTest : public PortKernelTest {
 protected:
  PortSpec Spec(PortId end, uint16_t vlan) const {
    return {.device = KernelDevice{absl::StrCat("w", end), KernelDriver::kAfXdp},
            .vlan = {.id = vlan, .of_kernel = vlan == 20},
            .device_vlans = {{.id = 0}, {.id = 10}, {.id = 20, .of_kernel = true}}};
  }
  std::unique_ptr<Port> OpenVlan(PortId end, uint16_t vlan) {
    std::shared_ptr<VlanTrunk> trunk = trunks_.at(end).lock();
    auto port = TryOpen(Spec(end, vlan), end, &trunk);
    trunks_.at(end) = trunk;
    EXPECT_TRUE(port.ok()) << port.status();
    return port.ok() ? *std::move(port) : nullptr;
  }
  std::array<std::weak_ptr<VlanTrunk>, 2> trunks_;
};
INSTANTIATE_TEST_SUITE_P(Drivers, VlanAfXdpTest, testing::Values(KernelDriver::kAfXdp));

TEST_P(VlanAfXdpTest, SaysThatTheInterfaceTakesTagsOff) {
  if (std::system("ethtool -K w0 rxvlan on 2>/dev/null") != 0) GTEST_SKIP() << "no ethtool";
  EXPECT_EQ(TryOpen(Spec(0, 10), 0).status().message(),
            "interface w0: takes the tags of VLANs off before af_xdp sees them; ethtool -K w0 "
            "rxvlan off");
}

TEST_P(VlanAfXdpTest, EachPortHasItsVlanAlone) {
  for (const char* end : {"w0", "w1"}) {
    ASSERT_EQ(std::system(absl::StrCat("ethtool -K ", end, " rxvlan off").c_str()), 0);
  }
  auto a10 = OpenVlan(0, 10), a20 = OpenVlan(0, 20), a0 = OpenVlan(0, 0);
  auto b10 = OpenVlan(1, 10), b20 = OpenVlan(1, 20);
  ASSERT_TRUE(a10 != nullptr && a20 != nullptr && a0 != nullptr && b10 != nullptr &&
              b20 != nullptr);
  EXPECT_FALSE(b10->kernel_sees_frames());
  EXPECT_TRUE(b20->kernel_sees_frames());
  ASSERT_EQ(Send(*a10, *b10, 0, 20, 1472), 20u);
  ASSERT_EQ(Send(*a20, *b20, 100, 20), 20u);
  EXPECT_EQ(Receive(*b10, 20, 1472), Numbers(0, 20));
  EXPECT_EQ(Receive(*b20, 20), Numbers(100, 20));
  ASSERT_EQ(Send(*b10, *a10, 200, 5, 1452, kTestPort, /*v6=*/true), 5u);
  EXPECT_EQ(Receive(*a10, 5, 1452), Numbers(200, 5));

  // Of a VLAN that the kernel has an interface for it keeps what is not ours; of others all comes.
  ASSERT_EQ(Send(*a10, *b10, 300, 1, 100, 5000), 1u);
  ASSERT_EQ(Send(*a20, *b20, 400, 1, 100, 5000), 1u);
  EXPECT_EQ(Receive(*b10, 1), Numbers(300, 1));
  EXPECT_TRUE(Receive(*b20, 1).empty());

  // No port has them: those of VLAN 30 are the kernel's, and of those without a tag our UDP is nobody's.
  ASSERT_EQ(Send(*a0, *b10, 500, 1), 1u);
  rte_mbuf* other = Frame(*a0, *b10, 501);
  PutTagOn(other, 30);
  ASSERT_EQ(a0->TxBurst(&other, 1), 1);
  EXPECT_TRUE(Receive(*b10, 1).empty());
  EXPECT_TRUE(Receive(*b20, 1).empty());
  EXPECT_EQ(b10->TakeLosses().unknown_vlan + b20->TakeLosses().unknown_vlan, 1u);
}

}  // namespace
}  // namespace warp::lcore
