// Congestion: a port takes 1,000 packets a second and refuses the others, and an application offers as much as it
// can. An application at a Unix gate is slowed down to that rate and loses nothing; one at a loopback gate loses the
// newest payloads, and each loss is a drop with a name. The bounds asserted here leave room for a busy machine.
#include <gtest/gtest.h>

#include <atomic>
#include <iostream>
#include <thread>

#include "dataplane/os/boot_clock.h"
#include "tests/control/gate/udp_application.h"
#include "tests/gates/unix_gate_lab_test.h"

namespace warp::control {
namespace {

using std::chrono::milliseconds;
using wire::Drop;

constexpr double kRate = 1000;
constexpr milliseconds kDuration{2000};

class CongestionTest : public UnixGateLabTest<::testing::Test> {
 protected:
  config::UnixGateConfig& gate() { return *tunnel_.gate.unix_socket; }

  // Sends as fast as the gate lets it for a while. Returns how many payloads it sent in a second.
  double Offer(GateLab& lab, size_t size = 1000) {
    const uint64_t before = lab.tunnel().sender().sent();
    const wire::Instant begin = os::Now();
    lab.TurnWhile({[&] {
      UnixApplication app(
          gate().type == config::UnixGateType::kDatagram ? SOCK_DGRAM : SOCK_SEQPACKET, 0);
      ASSERT_EQ(app.Connect(gate().path), 0);
      while (os::Now() < begin + kDuration) ASSERT_EQ(app.Send(std::string(size, 'x')), 0);
    }});
    const double seconds = std::chrono::duration<double>(os::Now() - begin).count();
    const double rate = static_cast<double>(lab.tunnel().sender().sent() - before) / seconds;
    std::cout << "[   RATE   ] " << static_cast<int>(rate) << " payloads/s\n";
    return rate;
  }
};

TEST_F(CongestionTest, AUnixClientIsSlowedToTheRateOfThePath) {
  GateLab lab({",rate=1000,burst=1"}, tunnel_);
  const double rate = Offer(lab);
  EXPECT_GT(rate, kRate / 4);
  EXPECT_LT(rate, kRate * 1.05);
  EXPECT_EQ(lab.Lost(), 0u);
}

TEST_F(CongestionTest, SoItIsWhereTheControlThreadIsTheWorker) {
  GateLab lab({",rate=0", ",rate=1000,burst=1"}, tunnel_, /*inline_worker=*/true);
  EXPECT_GT(Offer(lab), kRate / 4);
  EXPECT_EQ(lab.Lost(), 0u);
}

TEST_F(CongestionTest, SoIsOneWithAQueue) {
  gate().queue = 64;
  GateLab lab({",rate=1000,burst=1"}, tunnel_);
  EXPECT_GT(Offer(lab), kRate / 4);
  lab.TurnUntil([&] { return lab.tunnel().sender().idle(); });
  EXPECT_EQ(lab.Lost(), 0u);
}

TEST_F(CongestionTest, AndOneWithAConnection) {
  gate().type = config::UnixGateType::kSeqpacket;
  GateLab lab({",rate=1000,burst=1"}, tunnel_);
  EXPECT_GT(Offer(lab), kRate / 4);
  EXPECT_EQ(lab.Lost(), 0u);
}

TEST_F(CongestionTest, AStalledPathSlowsNobody) {
  GateLab lab({",rate=0", ",rate=1000,burst=1"}, tunnel_);
  EXPECT_GT(Offer(lab), kRate / 4);
  EXPECT_EQ(lab.Lost(), 0u);
}

TEST_F(CongestionTest, TheFastestPathSetsTheRate) {
  GateLab lab({",rate=1000,burst=1", ",rate=20000"}, tunnel_);
  EXPECT_GT(Offer(lab), kRate * 1.1);
  EXPECT_EQ(lab.Lost(), 0u);
}

// Each payload is 47 packets, on a path that takes one at a time.
TEST_F(CongestionTest, LargePayloadsAreSlowedToo) {
  tunnel_.deadline = milliseconds(2000);
  GateLab lab({",rate=4700,burst=1"}, tunnel_);
  EXPECT_GT(Offer(lab, 65536), 10);
  EXPECT_EQ(lab.Lost(), 0u);
}

TEST_F(CongestionTest, NothingIsTakenButTheDeadlineFreesTheSender) {
  tunnel_.deadline = milliseconds(50);
  GateLab lab({",rate=0"}, tunnel_);
  EXPECT_EQ(Offer(lab), 0);
  EXPECT_GT(lab.tunnel().sender().drops().Get(Drop::kDeadline), 5u);
  EXPECT_EQ(lab.Lost(), lab.tunnel().sender().drops().Get(Drop::kDeadline));
}

// UDP cannot hold its sender back. The oldest payloads are kept, memory is bounded, and each drop has a name.
TEST_F(CongestionTest, ALoopbackClientLosesTheNewestByName) {
  const wire::Endpoint listen = {wire::IpAddress::V4({127, 0, 0, 1}), 39417};
  tunnel_.gate = {.loopback = config::UdpGateConfig{.listen = listen}};
  tunnel_.queue = 100;
  tunnel_.deadline = std::chrono::seconds(10);
  GateLab lab({",rate=1000,burst=1"}, tunnel_);
  const wire::Instant begin = os::Now();
  size_t most = 0;
  std::atomic<bool> over = false;
  std::thread app([&] {
    UdpApplication udp({wire::IpAddress::V4({127, 0, 0, 1}), 0});
    while (os::Now() < begin + kDuration) {
      for (int i = 0; i < 10; ++i) udp.Send(listen, std::string(1000, 'x'));
      std::this_thread::sleep_for(milliseconds(1));  // some 10,000 a second
    }
    over = true;
  });
  lab.TurnUntil([&] {
    most = std::max(most, lab.tunnel().sender().waiting());
    return over.load();
  });
  app.join();
  const double seconds = std::chrono::duration<double>(os::Now() - begin).count();
  EXPECT_GT(static_cast<double>(lab.tunnel().sender().sent()) / seconds, kRate / 4);
  EXPECT_GT(lab.tunnel().sender().drops().Get(Drop::kGateFull), 1000u);
  EXPECT_LE(most, 100u);
  EXPECT_EQ(lab.Lost(), lab.tunnel().sender().drops().Get(Drop::kGateFull));
}

// The path takes everything and the application is faster than all of it: each payload is sent, or counted once.
TEST_F(CongestionTest, AFloodIsSentOrCounted) {
  const wire::Endpoint listen = {wire::IpAddress::V4({127, 0, 0, 1}), 39417};
  tunnel_.gate = {.loopback = config::UdpGateConfig{.listen = listen}};
  tunnel_.deadline = std::chrono::seconds(10);
  GateLab lab({""}, tunnel_);
  uint64_t offered = 0;
  lab.TurnWhile({[&] {
    UdpApplication udp({wire::IpAddress::V4({127, 0, 0, 1}), 0});
    const std::string payload(1000, 'x');
    while (offered < 100000) offered += udp.Send(listen, payload) ? 1 : 0;
  }});
  lab.TurnUntil([&] { return lab.tunnel().sender().sent() + lab.Lost() == offered; });
  EXPECT_EQ(lab.Lost(), lab.tunnel().sender().drops().Get(Drop::kGateFull) +
                            lab.tunnel().gate_counters().drops.Get(Drop::kGateFull));
}

}  // namespace
}  // namespace warp::control
