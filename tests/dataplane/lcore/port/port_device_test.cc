// Ports on devices that need no privileges, and the errors of opening.
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_ring.h>

#include "tests/dataplane/lcore/port/port_fixture.h"

namespace warp::lcore {
namespace {

class PortDeviceTest : public PortTest {
 protected:
  static bool IsUp(const Port& port) { return port.Link() == LinkState::kUp; }
  // Opens both ends. A memif receiver offers buffers only when it polls, so this polls until each end has buffers for
  // the other.
  std::pair<std::unique_ptr<Port>, std::unique_ptr<Port>> OpenMemifPair() {
    // Each test has a socket of its own, because the driver does not give up the socket of a closed server.
    static int pair = 0;
    const std::string common = absl::StrCat("id=0,socket=warp-port-test-", getpid(), "-", pair++);
    auto server = OpenDevargs(absl::StrCat("net_memif0,role=server,", common), 0);
    auto client = OpenDevargs(absl::StrCat("net_memif1,role=client,", common), 1);
    for (int ms = 0; !(IsUp(*server) && IsUp(*client)) && ms < 5000; ++ms) usleep(1000);
    EXPECT_TRUE(IsUp(*server) && IsUp(*client));
    rte_mbuf* none = nullptr;
    EXPECT_EQ(server->RxBurst(&none, 1) + client->RxBurst(&none, 1), 0);
    return {std::move(server), std::move(client)};
  }
};

TEST_F(PortDeviceTest, RingLoopsBack) {
  auto port = OpenDevargs("net_ring_loop0");
  ASSERT_NE(port, nullptr);
  EXPECT_FALSE(port->kernel_sees_frames());
  EXPECT_EQ(port->poll_fd(), -1);
  // The receiver gets the sender's very buffers, so they must not be shared with others.
  EXPECT_FALSE(port->multi_segment_tx());
  EXPECT_NE(port->mac(), wire::MacAddress{});
  EXPECT_EQ(Send(*port, *port, 0, 100), 100u);
  EXPECT_EQ(Receive(*port, 100), Numbers(0, 100));
  EXPECT_EQ(port->Counters().rx_packets, 100u);
  EXPECT_EQ(port->Counters().tx_packets, 100u);
}

TEST_F(PortDeviceTest, TakesADeviceOfTheTestAsItIs) {
  rte_ring* ring =
      rte_ring_create("port_device_test", 64, SOCKET_ID_ANY, RING_F_SP_ENQ | RING_F_SC_DEQ);
  ASSERT_NE(ring, nullptr);
  ASSERT_GE(rte_eth_from_rings("mine", &ring, 1, &ring, 1, 0), 0);
  for (int opened = 0; opened < 2; ++opened) {
    auto port = OpenDevargs("net_ring_mine");
    ASSERT_NE(port, nullptr);
    // The device refuses what its ring cannot hold.
    EXPECT_EQ(Send(*port, *port, 0, 100), 63u);
    EXPECT_EQ(Receive(*port, 63), Numbers(0, 63));
  }
  uint16_t device;
  EXPECT_EQ(rte_eth_dev_get_port_by_name("net_ring_mine", &device), 0);
}

TEST_F(PortDeviceTest, NullSwallowsEverything) {
  auto port = OpenDevargs("net_null0,no-rx=1");
  ASSERT_NE(port, nullptr);
  EXPECT_EQ(Send(*port, *port, 0, 5000), 5000u);
  EXPECT_TRUE(Receive(*port, 1).empty());
  EXPECT_EQ(Held(), 0u);
}

TEST_F(PortDeviceTest, MemifCarriesFramesBothWays) {
  auto [a, b] = OpenMemifPair();
  EXPECT_TRUE(a->multi_segment_tx());
  EXPECT_FALSE(a->kernel_sees_frames());
  EXPECT_EQ(Send(*a, *b, 0, 200, 1400), 200u);
  EXPECT_EQ(Receive(*b, 200, 1400), Numbers(0, 200));
  EXPECT_EQ(Send(*b, *a, 500, 200), 200u);
  EXPECT_EQ(Receive(*a, 200), Numbers(500, 200));
}

TEST_F(PortDeviceTest, MemifSendsAChainAndLeavesItsPayloadAlone) {
  auto [a, b] = OpenMemifPair();
  rte_mbuf* payload = Frame(*a, *b, 7, 1000);
  rte_mbuf* header = rte_pktmbuf_alloc(pool(0));
  constexpr uint16_t kSplit = wire::kFrameHeaderSizeV4;
  std::memcpy(rte_pktmbuf_append(header, kSplit), rte_pktmbuf_mtod(payload, void*), kSplit);
  rte_pktmbuf_adj(payload, kSplit);
  rte_mbuf_refcnt_update(payload, 1);
  ASSERT_EQ(rte_pktmbuf_chain(header, payload), 0);
  ASSERT_EQ(a->TxBurst(&header, 1), 1);
  chains_may_arrive_ = true;  // DPDK 24.11 hands the chain over, and 22.11 joins it.
  EXPECT_EQ(Receive(*b, 1, 1000), std::vector<uint32_t>{7});
  EXPECT_EQ(rte_mbuf_refcnt_read(payload), 1);
  rte_pktmbuf_free(payload);
}

TEST_F(PortDeviceTest, MemifWithoutAPeerRefuses) {
  auto port =
      OpenDevargs(absl::StrCat("net_memif4,role=server,socket=warp-port-test-alone-", getpid()));
  ASSERT_NE(port, nullptr);
  EXPECT_FALSE(IsUp(*port));
  EXPECT_EQ(Send(*port, *port, 0, 1), 0u);
  EXPECT_EQ(Held(), 0u);
}

TEST_F(PortDeviceTest, MemifHasALinkAsLongAsItsPeerLives) {
  const std::string common = absl::StrCat("id=0,socket=warp-port-test-peer-", getpid());
  const auto server = OpenDevargs(absl::StrCat("net_memif5,role=server,", common), 0);
  for (int round = 0; round < 2; ++round) {
    auto client = OpenDevargs(absl::StrCat("net_memif6,role=client,", common), 1);
    for (int ms = 0; !IsUp(*server) && ms < 5000; ++ms) usleep(1000);
    EXPECT_TRUE(IsUp(*server));
    client.reset();
    for (int ms = 0; IsUp(*server) && ms < 5000; ++ms) usleep(1000);
    EXPECT_FALSE(IsUp(*server));
  }
}

TEST_F(PortDeviceTest, ClosesAndOpensAgain) {
  for (int i = 0; i < 50; ++i) {
    auto port = OpenDevargs("net_ring_again");
    ASSERT_NE(port, nullptr) << i;
    ASSERT_EQ(Send(*port, *port, 0, 10), 10u);
    ASSERT_EQ(Receive(*port, 10).size(), 10u);
  }
  // The device of TakesADeviceOfTheTestAsItIs is still there.
  EXPECT_EQ(rte_eth_dev_count_avail(), 1);
  EXPECT_EQ(Held(), 0u);
}

TEST_F(PortDeviceTest, ErrorsSayWhatAndWhere) {
  for (const auto& [word, driver] : wire::kKernelDriverWords) {
    EXPECT_EQ(OpenError(KernelDevice{"nope0", driver}), "interface nope0: no such interface");
  }
  EXPECT_EQ(OpenError(KernelDevice{"a-name-longer-than-any", KernelDriver::kAfXdp}),
            "interface a-name-longer-than-any: no such interface");
  EXPECT_EQ(OpenError(KernelDevice{"lo", KernelDriver::kAfPacket}),
            "interface lo is neither Ethernet nor plain IP: driver: udp works there");
  EXPECT_EQ(OpenError(PciDevice{"eth0"}), "pci eth0: not an address such as 0000:3b:00.0");
  EXPECT_EQ(OpenError(PciDevice{"ffff:3b:00.0"}), "pci ffff:3b:00.0: no such device");
  EXPECT_NE(OpenError(VirtualDevice{"eth0"}).find("must begin with the name"), std::string::npos);
  EXPECT_NE(OpenError(VirtualDevice{"net_nonsense0"}).find("net_nonsense0"), std::string::npos);
  EXPECT_NE(OpenError(VirtualDevice{"net_memif9,role=nobody"}).find("net_memif9"),
            std::string::npos);
  EXPECT_NE(OpenError(VirtualDevice{"net_null0"}, 9000).find("MTU 9000 is larger than the 1774"),
            std::string::npos);
}

}  // namespace
}  // namespace warp::lcore
