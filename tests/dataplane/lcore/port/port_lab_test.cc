#include "dataplane/lcore/port/ethdev/lab_port.h"
#include "tests/dataplane/lcore/port/port_fixture.h"

namespace warp::lcore {
namespace {

class LabPortTest : public PortTest {
 protected:
  static void Grant(Port& port, uint64_t packets) { static_cast<LabPort&>(port).Grant(packets); }
};

TEST_F(LabPortTest, AWireJoinsTwo) {
  auto a = OpenDevargs("net_warp_lab0,wire=w", 0);
  auto b = OpenDevargs("net_warp_lab1,wire=w", 1);
  ASSERT_NE(a, nullptr);
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(Send(*a, *b, 0, 100), 100u);
  EXPECT_EQ(Send(*b, *a, 1000, 50), 50u);
  EXPECT_EQ(Receive(*b, 100), Numbers(0, 100));
  EXPECT_EQ(Receive(*a, 50), Numbers(1000, 50));
  EXPECT_EQ(Held(), 0u);
}

TEST_F(LabPortTest, TheReceiverGetsACopyOfItsOwn) {
  auto a = OpenDevargs("net_warp_lab0,wire=w", 0);
  auto b = OpenDevargs("net_warp_lab1,wire=w", 1);
  EXPECT_TRUE(a->multi_segment_tx());
  rte_mbuf* shared = Frame(*a, *b, 1);
  rte_mbuf_refcnt_update(shared, 1);
  rte_mbuf* sent = shared;
  ASSERT_EQ(a->TxBurst(&sent, 1), 1);
  rte_mbuf* received = nullptr;
  ASSERT_EQ(b->RxBurst(&received, 1), 1);
  EXPECT_EQ(received->pool, pool(1));
  EXPECT_EQ(rte_mbuf_refcnt_read(shared), 1);
  std::memset(rte_pktmbuf_mtod(received, void*), 0, rte_pktmbuf_data_len(received));
  EXPECT_EQ(NumberOf(shared, 100), 1u);
  rte_pktmbuf_free(received);
  rte_pktmbuf_free(shared);
}

TEST_F(LabPortTest, RefusesUntilItIsGranted) {
  auto a = OpenDevargs("net_warp_lab0,wire=w,rate=0", 0);
  auto b = OpenDevargs("net_warp_lab1,wire=w", 1);
  EXPECT_EQ(Send(*a, *b, 0, 5), 0u);
  Grant(*a, 3);
  std::array<rte_mbuf*, 8> burst;
  for (uint32_t i = 0; i < burst.size(); ++i) burst[i] = Frame(*a, *b, i);
  EXPECT_EQ(a->TxBurst(burst.data(), burst.size()), 3);
  EXPECT_EQ(a->TxBurst(burst.data() + 3, 5), 0);
  rte_pktmbuf_free_bulk(burst.data() + 3, 5);
  EXPECT_EQ(Receive(*b, 3), Numbers(0, 3));
  EXPECT_EQ(Held(), 0u);
}

TEST_F(LabPortTest, TakesItsRateAndNoMore) {
  auto a = OpenDevargs("net_warp_lab0,wire=w,rate=200,burst=4", 0);
  auto b = OpenDevargs("net_warp_lab1,wire=w", 1);
  // The port takes the burst at once, and also what its rate allows while the frames are made. It takes the other
  // frames only later.
  const uint32_t at_once = Send(*a, *b, 0, 1000);
  EXPECT_GE(at_once, 4u);
  EXPECT_LT(at_once, 1000u);
  uint32_t later = 0;
  while (later < 10) later += Send(*a, *b, 2000 + later, 1);
  EXPECT_EQ(Receive(*b, at_once + 10).size(), at_once + 10);
}

TEST_F(LabPortTest, AWireHoldsSoMuch) {
  auto a = OpenDevargs("net_warp_lab0", 0);
  EXPECT_EQ(Send(*a, *a, 0, 2000), 1023u);
  a.reset();
  EXPECT_EQ(Held(), 0u);
}

TEST_F(LabPortTest, AnEmptyPoolLosesFramesAndCountsThem) {
  auto a = OpenDevargs("net_warp_lab0,wire=w", 0);
  auto b = OpenDevargs("net_warp_lab1,wire=w", 1);
  std::vector<rte_mbuf*> all;
  while (rte_mbuf* packet = rte_pktmbuf_alloc(pool(1))) all.push_back(packet);
  EXPECT_EQ(Send(*a, *b, 0, 5), 5u);
  EXPECT_TRUE(Receive(*b, 1).empty());
  EXPECT_EQ(b->Counters().rx_missed, 5u);
  rte_pktmbuf_free_bulk(all.data(), static_cast<unsigned>(all.size()));
  EXPECT_EQ(Held(), 0u);
}

TEST_F(LabPortTest, RefusesArgumentsItDoesNotKnow) {
  EXPECT_NE(OpenError(VirtualDevice{"net_warp_lab0,wier=w"}).find("wier=w"), std::string::npos);
  EXPECT_NE(OpenError(VirtualDevice{"net_warp_lab0,rate=fast"}).find("rate=fast"),
            std::string::npos);
  EXPECT_NE(OpenError(VirtualDevice{"net_warp_lab0,burst=0"}).find("burst=0"), std::string::npos);
  auto a = OpenDevargs("net_warp_lab0,wire=full", 0);
  auto b = OpenDevargs("net_warp_lab1,wire=full", 1);
  EXPECT_NE(OpenError(VirtualDevice{"net_warp_lab2,wire=full"}).find("two ends already"),
            std::string::npos);
}

}  // namespace
}  // namespace warp::lcore
