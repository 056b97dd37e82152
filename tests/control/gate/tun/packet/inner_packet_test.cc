#include "control/gate/tun/packet/inner_packet.h"

#include <gtest/gtest.h>

#include "tests/control/gate/tun/packet/packets.h"

namespace warp::control {
namespace {

TEST(InnerPacketTest, FindsHeaders) {
  for (const bool v6 : {false, true}) {
    const PacketBytes packet = MakePacket({.v6 = v6});
    const auto inner = ReadInnerPacket(packet, Layer::kIp);
    ASSERT_TRUE(inner.has_value());
    EXPECT_EQ(inner->version, v6 ? 6 : 4);
    EXPECT_EQ(inner->protocol, kProtocolTcp);
    EXPECT_EQ(inner->transport, v6 ? 40 : 20);
    EXPECT_EQ(inner->end, packet.size());
    EXPECT_TRUE(inner->plain);
    EXPECT_EQ(SourceOf(packet, *inner).ToString(), v6 ? "fd00::1" : "10.9.0.1");
    EXPECT_EQ(DestinationOf(packet, *inner).ToString(), v6 ? "fd00::2" : "10.9.0.2");
    EXPECT_EQ(TcpHeaderSize(packet, *inner), 20u);
  }
}

TEST(InnerPacketTest, PassesExtensions) {
  // Hop-by-hop of 8 bytes, destination options of 16, authentication of 12.
  PacketBytes chain = {0, 60, 0, 1, 4, 0, 0, 0, 0};
  chain.insert(chain.end(), {51, 1, 1, 12});
  chain.insert(chain.end(), 12, 0);
  chain.insert(chain.end(), {6, 1});
  chain.insert(chain.end(), 10, 0);
  const PacketBytes packet = MakePacket({.v6 = true, .extensions = chain});
  const auto inner = ReadInnerPacket(packet, Layer::kIp);
  ASSERT_TRUE(inner.has_value());
  EXPECT_TRUE(inner->is_tcp());
  EXPECT_EQ(inner->transport, 40 + 8 + 16 + 12);
  EXPECT_FALSE(inner->plain);
}

TEST(InnerPacketTest, KnowsFragments) {
  const PacketBytes v4 = MakePacket({.fragment = 0x2000});
  EXPECT_TRUE(ReadInnerPacket(v4, Layer::kIp)->fragment);
  EXPECT_FALSE(ReadInnerPacket(v4, Layer::kIp)->is_tcp());
  const PacketBytes v6 = MakePacket({.v6 = true, .extensions = {44, 6, 0, 0, 1, 0, 0, 0, 9}});
  EXPECT_TRUE(ReadInnerPacket(v6, Layer::kIp)->fragment);
  const PacketBytes atomic = MakePacket({.v6 = true, .extensions = {44, 6, 0, 0, 0, 0, 0, 0, 9}});
  EXPECT_TRUE(ReadInnerPacket(atomic, Layer::kIp)->is_tcp());
}

TEST(InnerPacketTest, WhatContradictsItselfIsNoPacket) {
  const auto refused = [](PacketBytes packet, auto change) {
    change(packet);
    return !ReadInnerPacket(packet, Layer::kIp).has_value();
  };
  const PacketBytes v4 = MakePacket({}), v6 = MakePacket({.v6 = true});
  EXPECT_FALSE(ReadInnerPacket({}, Layer::kIp).has_value());
  EXPECT_TRUE(refused(v4, [](PacketBytes& p) { p[0] = 0x55; }));      // no such version
  EXPECT_TRUE(refused(v4, [](PacketBytes& p) { p[0] = 0x44; }));      // a header of 16 bytes
  EXPECT_TRUE(refused(v4, [](PacketBytes& p) { Set16(p, 2, 19); }));  // shorter than its header
  EXPECT_TRUE(refused(v4, [](PacketBytes& p) { p.pop_back(); }));     // shorter than it says
  EXPECT_TRUE(refused(v4, [](PacketBytes& p) { p.resize(19); }));
  EXPECT_TRUE(refused(v6, [](PacketBytes& p) { p.pop_back(); }));
  EXPECT_TRUE(refused(v6, [](PacketBytes& p) { p.resize(39); }));
  // An address of IPv4 in the form of IPv6, which would have IPv4's routes.
  for (const ptrdiff_t at : {8, 24}) {
    EXPECT_TRUE(refused(v6, [at](PacketBytes& p) {
      const PacketBytes mapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 9, 0, 1};
      std::copy(mapped.begin(), mapped.end(), p.begin() + at);
    }));
  }
  // Extensions that reach beyond the packet.
  EXPECT_TRUE(refused(v6, [](PacketBytes& p) { p[6] = 0, p[41] = 255; }));
  EXPECT_TRUE(refused(v6, [](PacketBytes& p) { p[6] = 60, p.resize(44), Set16(p, 4, 4); }));
}

TEST(InnerPacketTest, FramesMayHoldAnything) {
  const PacketBytes frame = MakePacket({.ethernet = true, .vlan_tags = 2});
  const auto inner = ReadInnerPacket(frame, Layer::kEthernet);
  ASSERT_TRUE(inner.has_value());
  EXPECT_EQ(inner->ip, 14 + 8);
  EXPECT_FALSE(inner->plain);
  EXPECT_TRUE(ReadInnerPacket(MakePacket({.ethernet = true}), Layer::kEthernet)->plain);

  PacketBytes arp(42);
  Set16(arp, 12, 0x0806);
  EXPECT_EQ(ReadInnerPacket(arp, Layer::kEthernet)->version, 0);
  PacketBytes broken = MakePacket({.ethernet = true});
  broken[14] = 0x4f;
  broken.resize(40);
  EXPECT_EQ(ReadInnerPacket(broken, Layer::kEthernet)->version, 0);
  EXPECT_FALSE(ReadInnerPacket(PacketBytes(13), Layer::kEthernet).has_value());
  EXPECT_TRUE(ReadInnerPacket(PacketBytes(14), Layer::kEthernet).has_value());
  // Padding of a short frame.
  PacketBytes padded = MakePacket({.ethernet = true, .data = 1});
  padded.resize(60);
  EXPECT_EQ(ReadInnerPacket(padded, Layer::kEthernet)->end, 14u + 41);
  EXPECT_FALSE(ReadInnerPacket(padded, Layer::kEthernet)->plain);
}

}  // namespace
}  // namespace warp::control
