// What two threads ask of the driver of one device.
#include "dataplane/lcore/port/ethdev/ethdev_port.h"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "tests/dataplane/lcore/port/port_fixture.h"

namespace {

std::atomic<bool> link_is_slow{false}, link_is_asked{false};
std::atomic<int> stats_asked{0};

}  // namespace

// These stand before those of DPDK, which they call.
extern "C" int rte_eth_link_get_nowait(uint16_t port, rte_eth_link* link) {
  static const auto real = reinterpret_cast<decltype(&rte_eth_link_get_nowait)>(
      dlsym(RTLD_NEXT, "rte_eth_link_get_nowait"));
  link_is_asked = true;
  while (link_is_slow) std::this_thread::yield();
  return real(port, link);
}

extern "C" int rte_eth_stats_get(uint16_t port, rte_eth_stats* stats) {
  static const auto real =
      reinterpret_cast<decltype(&rte_eth_stats_get)>(dlsym(RTLD_NEXT, "rte_eth_stats_get"));
  ++stats_asked;
  return real(port, stats);
}

namespace warp::lcore {
namespace {

class EthdevPortTest : public PortTest {};

// A driver may take its time for the link, and may have one register for the answers to both questions.
TEST_F(EthdevPortTest, CountersAreNeitherAskedForNorWaitedForWhileTheLinkIs) {
  auto a = OpenDevargs("net_warp_lab0,wire=w", 0);
  auto b = OpenDevargs("net_warp_lab1,wire=w", 1);
  ASSERT_NE(a, nullptr);
  ASSERT_NE(b, nullptr);
  EXPECT_EQ(Send(*a, *b, 0, 3), 3u);
  EXPECT_EQ(a->Counters().tx_packets, 3u);
  link_is_asked = false;
  link_is_slow = true;
  std::thread watch([&] { EXPECT_EQ(a->Link(), LinkState::kUp); });
  while (!link_is_asked) std::this_thread::yield();
  EXPECT_EQ(Send(*a, *b, 3, 2), 2u);
  const int asked = stats_asked;
  EXPECT_EQ(a->Counters().tx_packets, 3u);  // as before
  EXPECT_EQ(stats_asked, asked);
  link_is_slow = false;
  watch.join();
  EXPECT_EQ(a->Counters().tx_packets, 5u);
  EXPECT_EQ(Receive(*b, 5), Numbers(0, 5));
}

}  // namespace
}  // namespace warp::lcore
