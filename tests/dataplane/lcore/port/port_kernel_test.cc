// The tests that both drivers of kernel interfaces must pass.
#include <rte_ip.h>

#include "tests/dataplane/lcore/port/port_kernel_fixture.h"

namespace warp::lcore {
namespace {

INSTANTIATE_TEST_SUITE_P(Drivers, PortKernelTest,
                         testing::Values(KernelDriver::kAfPacket, KernelDriver::kAfXdp),
                         [](const auto& driver) {
                           return driver.param == KernelDriver::kAfPacket ? "af_packet" : "af_xdp";
                         });

TEST_P(PortKernelTest, CarriesFramesOfAllSizesBothWays) {
  OpenBoth();
  EXPECT_TRUE(a_->kernel_sees_frames());
  EXPECT_EQ(a_->multi_segment_tx(), GetParam() == KernelDriver::kAfPacket);
  uint32_t number = 0;
  for (uint16_t size : {8, 100, 1000, 1471, 1472}) {
    ASSERT_EQ(Send(*a_, *b_, number, 20, size), 20u);
    EXPECT_EQ(Receive(*b_, 20, size), Numbers(number, 20)) << size;
    ASSERT_EQ(Send(*b_, *a_, number, 20, size), 20u);
    EXPECT_EQ(Receive(*a_, 20, size), Numbers(number, 20)) << size;
    number += 20;
  }
  ASSERT_EQ(Send(*a_, *b_, 0, 20, 1452, kTestPort, /*v6=*/true), 20u);
  EXPECT_EQ(Receive(*b_, 20, 1452), Numbers(0, 20));
  EXPECT_EQ(b_->Counters().rx_packets, 120u);
  EXPECT_EQ(b_->Counters().rx_missed, 0u);
}

TEST_P(PortKernelTest, CarriesJumboFramesOrSaysThatItCannot) {
  Ip("link del w0");
  MakeLink(9000);
  SetMaxMtu(9000);
  if (GetParam() == KernelDriver::kAfXdp) {
    const absl::Status status = TryOpen(KernelDevice{"w0", KernelDriver::kAfXdp}, 0, 9000).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_NE(status.message().find("at most 3310"), absl::string_view::npos) << status;
    return;
  }
  a_ = OpenEnd(0, 9000);
  b_ = OpenEnd(1, 9000);
  ASSERT_EQ(Send(*a_, *b_, 0, 100, 8972), 100u);
  EXPECT_EQ(Receive(*b_, 100, 8972), Numbers(0, 100));
}

TEST_P(PortKernelTest, OtherPortsAreTheKernels) {
  OpenBoth();
  const int other = KernelSocket(5000);
  ASSERT_EQ(Send(*a_, *b_, 0, 10, 100, 5000), 10u);
  char datagram[200];
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(IsReadable(other, 2000));
    EXPECT_EQ(recv(other, datagram, sizeof(datagram), 0), 100);
  }
  close(other);
  EXPECT_TRUE(Receive(*b_, 1).empty());
}

TEST_P(PortKernelTest, FragmentsAreTheKernels) {
  OpenBoth();
  for (uint16_t fragment : {0x2000, 0x0001, 0x2001}) {
    rte_mbuf* packet = Frame(*a_, *b_, 1);
    auto* ip = rte_pktmbuf_mtod_offset(packet, rte_ipv4_hdr*, wire::kEthernetHeaderSize);
    ip->fragment_offset = htons(fragment);
    ip->hdr_checksum = 0;
    ip->hdr_checksum = rte_ipv4_cksum(ip);
    ASSERT_EQ(a_->TxBurst(&packet, 1), 1);
  }
  EXPECT_TRUE(Receive(*b_, 1).empty());
}

TEST_P(PortKernelTest, WhatTheKernelSendsIsNotReceived) {
  OpenBoth();
  // Opening has flushed the neighbours.
  Ip("neighbour replace 10.9.0.1 lladdr 02:00:00:00:00:01 dev w1");
  const int kernel = KernelSocket(kTestPort);
  const sockaddr_in to = {
      .sin_family = AF_INET, .sin_port = htons(kTestPort), .sin_addr = {inet_addr("10.9.0.1")}};
  const char payload[100] = {};
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(sendto(kernel, payload, sizeof(payload), 0, reinterpret_cast<const sockaddr*>(&to),
                     sizeof(to)),
              100);
  }
  EXPECT_TRUE(Receive(*b_, 1).empty());
  close(kernel);
}

TEST_P(PortKernelTest, SocketIsReadableWhileFramesWait) {
  OpenBoth();
  ASSERT_GE(b_->poll_fd(), 0);
  EXPECT_FALSE(IsReadable(b_->poll_fd(), 0));
  ASSERT_EQ(Send(*a_, *b_, 0, 10), 10u);
  EXPECT_TRUE(IsReadable(b_->poll_fd(), 2000));
  EXPECT_EQ(Receive(*b_, 10).size(), 10u);
  EXPECT_FALSE(IsReadable(b_->poll_fd(), 0));
}

TEST_P(PortKernelTest, CountsWhatItsQueueDidNotHold) {
  OpenBoth();
  const uint32_t many = GetParam() == KernelDriver::kAfPacket ? 60000 : 6000;
  uint32_t sent = 0;
  while (sent < many) sent += Send(*a_, *b_, sent, many - sent);
  const std::vector<uint32_t> received = Receive(*b_, sent);
  EXPECT_GE(received.size(), 2000u);
  EXPECT_LT(received.size(), sent);
  EXPECT_EQ(received.size() + b_->Counters().rx_missed, sent);
  ASSERT_EQ(Send(*a_, *b_, 9000, 10), 10u);
  EXPECT_EQ(Receive(*b_, 10), Numbers(9000, 10));
}

// While the interface is down, one frame of af_xdp stays with the kernel, and the port refuses all others. af_packet
// takes none.
TEST_P(PortKernelTest, RefusesWhileTheInterfaceIsDownAndGoesOnWhenItIsUp) {
  // First the port's own end is down. Then the other end is down, so that there is no carrier.
  for (const char* which : {"w0", "w1"}) {
    SCOPED_TRACE(which);
    OpenBoth();
    Ip(absl::StrCat("link set ", which, " down"));
    uint32_t taken = 0;
    for (int i = 0; i < 20000; ++i) taken += Send(*a_, *b_, 1, 1);
    RecordProperty(absl::StrCat("taken_while_down_", which), static_cast<int>(taken));
    a_->ClearPollError();
    b_->ClearPollError();
    pollfd quiet{a_->poll_fd(), POLLIN, 0};
    EXPECT_EQ(poll(&quiet, 1, 0), 0) << quiet.revents;

    Ip(absl::StrCat("link set ", which, " up"));
    // The first frames may do no more than push out frames that waited.
    bool arrived = false;
    for (int i = 0; i < 1000 && !arrived; ++i) {
      Send(*a_, *b_, 77, 1);
      for (uint32_t number : Receive(*b_, 4000)) arrived |= number == 77;
    }
    EXPECT_TRUE(arrived);
    a_.reset();
    b_.reset();
    EXPECT_EQ(Held(), 0u);
  }
}

TEST_P(PortKernelTest, ClosesWhenTheInterfaceIsGoneAndOpensWhenItIsBack) {
  for (int round = 0; round < 2; ++round) {
    OpenBoth();
    Ip("link del w0");
    for (int i = 0; i < 20000; ++i) Send(*a_, *b_, 1, 1);
    EXPECT_TRUE(Receive(*b_, 1).empty());
    a_->ClearPollError();
    pollfd quiet{a_->poll_fd(), POLLIN, 0};
    EXPECT_EQ(poll(&quiet, 1, 0), 0) << quiet.revents;
    a_.reset();
    b_.reset();
    EXPECT_EQ(Held(), 0u);
    MakeLink();
  }
  OpenBoth();
  ASSERT_EQ(Send(*a_, *b_, 0, 10), 10u);
  EXPECT_EQ(Receive(*b_, 10), Numbers(0, 10));
}

TEST_P(PortKernelTest, ClosingLeavesNothingBehind) {
  OpenBoth();
  a_.reset();
  b_.reset();
  const size_t descriptors = OpenDescriptors();
  for (int i = 0; i < 3; ++i) {
    OpenBoth();
    // Now there are frames in every ring: sent ones, ones that wait to be received, and received ones.
    ASSERT_EQ(Send(*a_, *b_, 0, 300), 300u);
    ASSERT_EQ(Receive(*b_, 100).size(), 100u + 28u);  // Receive takes whole bursts.
    a_.reset();
    b_.reset();
    EXPECT_EQ(Held(), 0u);
    EXPECT_EQ(OpenDescriptors(), descriptors);
  }
  EXPECT_NE(std::system("ip link show w0 | grep -q xdp"), 0);
}

}  // namespace
}  // namespace warp::lcore
