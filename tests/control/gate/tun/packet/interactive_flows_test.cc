#include "control/gate/tun/packet/interactive_flows.h"

#include <gtest/gtest.h>

#include "tests/control/gate/tun/packet/packets.h"

namespace warp::control {
namespace {

using std::chrono::milliseconds;

class InteractiveFlowsTest : public ::testing::Test {
 protected:
  bool Sent(const PacketSpec& spec, wire::Duration after = {}) {
    return SentBytes(MakePacket(spec), spec.ethernet ? Layer::kEthernet : Layer::kIp, after);
  }
  bool SentBytes(const PacketBytes& packet, Layer layer, wire::Duration after = {}) {
    now_ += after;
    return flows_.IsInteractive(now_, packet, *ReadInnerPacket(packet, layer));
  }

  wire::Instant now_{std::chrono::hours(1)};
  InteractiveFlows flows_;
};

TEST_F(InteractiveFlowsTest, SegmentsWithoutDataAndDns) {
  EXPECT_TRUE(Sent({.flags = kSynFlag, .options = {2, 4, 5, 180}, .data = 0}));
  EXPECT_TRUE(Sent({.v6 = true, .data = 0}));
  EXPECT_TRUE(Sent({.protocol = kProtocolUdp, .port = 53}));
  EXPECT_FALSE(Sent({.protocol = kProtocolUdp}));
  EXPECT_FALSE(Sent({.protocol = 1}));
  EXPECT_FALSE(Sent({.port = 1, .flags = kFinFlag | kAckFlag, .data = 0}));
  EXPECT_FALSE(Sent({.port = 2, .flags = kRstFlag, .data = 0}));
  EXPECT_FALSE(Sent({.port = 3, .data = 1}));
  EXPECT_FALSE(Sent({.port = 4, .fragment = 0x2000, .data = 0}));
}

// Nothing of a flow overtakes what it has just sent.
TEST_F(InteractiveFlowsTest, AFlowThatSendsDataSendsItsAcksWithIt) {
  EXPECT_TRUE(Sent({.data = 0}));
  EXPECT_FALSE(Sent({.data = 1}));
  EXPECT_FALSE(Sent({.data = 0}));
  EXPECT_TRUE(Sent({.port = 7, .data = 0}));  // another one's
  EXPECT_FALSE(Sent({.data = 0}, InteractiveFlows::kQuiet - milliseconds(1)));
  EXPECT_TRUE(Sent({.data = 0}, milliseconds(1)));
  EXPECT_FALSE(Sent({.flags = kFinFlag | kAckFlag, .data = 0}));
  EXPECT_FALSE(Sent({.data = 0}));
}

TEST_F(InteractiveFlowsTest, FramesAreLookedInto) {
  EXPECT_TRUE(Sent({.ethernet = true, .vlan_tags = 1, .data = 0}));
  PacketBytes arp(42);
  Set16(arp, 12, 0x0806);
  EXPECT_FALSE(SentBytes(arp, Layer::kEthernet));
}

// Whoever wants to go first with what is neither small nor waited for.
TEST_F(InteractiveFlowsTest, WhatStandsBehindThePacketIsNoPadding) {
  PacketBytes ack = MakePacket({.ethernet = true, .data = 0});
  ASSERT_LT(ack.size(), 60u);
  ack.resize(60);
  EXPECT_TRUE(SentBytes(ack, Layer::kEthernet));
  ack.resize(69);
  EXPECT_FALSE(SentBytes(ack, Layer::kEthernet));
  PacketBytes question = MakePacket({.protocol = kProtocolUdp, .port = 53});
  question.resize(1400);
  EXPECT_FALSE(SentBytes(question, Layer::kIp));
}

TEST_F(InteractiveFlowsTest, HeadersThatAreCutOffAreNothing) {
  PacketBytes packet = MakePacket({.protocol = kProtocolUdp, .port = 53});
  packet.resize(23);
  Set16(packet, 2, 23);
  EXPECT_FALSE(SentBytes(packet, Layer::kIp));
}

}  // namespace
}  // namespace warp::control
