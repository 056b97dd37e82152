#include "control/gate/tun/packet/classifier.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "tests/control/gate/tun/packet/packets.h"

namespace warp::control {
namespace {

constexpr uint8_t kProtocolEsp = 50;

TunPrefix Prefix(const char* address, uint8_t length) {
  return {.address = *wire::IpAddress::Parse(address), .length = length};
}

// Whether a packet is of the only class that there is.
bool Is(const PacketMatch& match, const PacketBytes& packet, Layer layer = Layer::kIp,
        bool interactive = false) {
  const auto inner = ReadInnerPacket(packet, layer);
  EXPECT_TRUE(inner.has_value());
  return Classifier({match}).ClassOf(packet, *inner, interactive).has_value();
}

PacketBytes Udp(uint16_t port, PacketSpec spec = {}) {
  spec.protocol = kProtocolUdp;
  spec.port = port;
  return MakePacket(spec);
}

TEST(ClassifierTest, EachConditionMatchesWhatItSays) {
  struct Case {
    std::string name;
    PacketMatch match;
    PacketSpec is, is_not;
  };
  const std::vector<Case> cases = {
      {"DSCP", {.dscp = {46}}, {.traffic_class = 46 << 2}, {.traffic_class = 47 << 2}},
      {"DSCP with ECN", {.dscp = {46}}, {.traffic_class = 46 << 2 | 3}, {.traffic_class = 3}},
      {"several DSCPs", {.dscp = {10, 0}}, {}, {.traffic_class = 46 << 2}},
      {"protocol", {.protocols = {6}}, {}, {.protocol = 17}},
      {"ESP", {.protocols = {kProtocolEsp}}, {.protocol = kProtocolEsp}, {}},
      {"ICMP", {.protocols = {1}}, {.protocol = 1}, {.protocol = 2}},
      {"source port", {.ports = {{1000, 1000}}}, {}, {.port = 1001}},
      {"destination port", {.ports = {{80, 80}}}, {.port = 5}, {.protocol = kProtocolEsp}},
      {"range", {.ports = {{7, 7}, {990, 1000}}}, {.port = 990}, {.port = 989}},
      {"port of UDP", {.ports = {{5, 5}}}, {.protocol = 17, .port = 5}, {.protocol = 1, .port = 5}},
      {"all of them",
       {.dscp = {46}, .protocols = {17}, .ports = {{5, 5}}},
       {.protocol = 17, .port = 5, .traffic_class = 184},
       {.protocol = 17, .port = 5}},
  };
  for (const Case& one : cases) {
    for (const bool v6 : {false, true}) {
      PacketSpec is = one.is, is_not = one.is_not;
      is.v6 = is_not.v6 = v6;
      EXPECT_TRUE(Is(one.match, MakePacket(is))) << one.name << v6;
      EXPECT_FALSE(Is(one.match, MakePacket(is_not))) << one.name << v6;
    }
  }
}

TEST(ClassifierTest, IcmpIsThatOfBothFamilies) {
  EXPECT_TRUE(Is({.protocols = {1}}, MakePacket({.v6 = true, .protocol = 58})));
  EXPECT_FALSE(Is({.protocols = {58}}, MakePacket({.protocol = 1})));
}

TEST(ClassifierTest, NetworksMatchEitherEnd) {
  const PacketBytes v4 = MakePacket({}), v6 = MakePacket({.v6 = true});  // from 1 to 2
  EXPECT_TRUE(Is({.networks = {Prefix("10.9.0.1", 32)}}, v4));
  EXPECT_TRUE(Is({.networks = {Prefix("10.9.0.2", 32)}}, v4));
  EXPECT_TRUE(Is({.networks = {Prefix("10.8.0.0", 15)}}, v4));
  EXPECT_TRUE(Is({.networks = {Prefix("0.0.0.0", 0)}}, v4));
  EXPECT_FALSE(Is({.networks = {Prefix("10.9.0.3", 32)}}, v4));
  EXPECT_FALSE(Is({.networks = {Prefix("::", 0)}}, v4));
  EXPECT_TRUE(Is({.networks = {Prefix("10.9.0.1", 32), Prefix("fd00::2", 128)}}, v6));
  EXPECT_FALSE(Is({.networks = {Prefix("0.0.0.0", 0)}}, v6));
}

TEST(ClassifierTest, TheFirstThatMatchesHasIt) {
  const Classifier classifier({{.ports = {{5, 5}}}, {.protocols = {17}}, {.ports = {{5, 6}}}});
  const auto class_of = [&](const PacketBytes& packet) {
    return classifier.ClassOf(packet, *ReadInnerPacket(packet, Layer::kIp), false);
  };
  EXPECT_EQ(class_of(Udp(5)), 0u);
  EXPECT_EQ(class_of(Udp(6)), 1u);
  EXPECT_EQ(class_of(MakePacket({.port = 6})), 2u);
  EXPECT_EQ(class_of(MakePacket({.port = 7})), std::nullopt);
  const Classifier none({});
  EXPECT_EQ(none.ClassOf(Udp(5), *ReadInnerPacket(Udp(5), Layer::kIp), true), std::nullopt);
}

// Only the first fragment has the ports, so that no fragment matches by them.
TEST(ClassifierTest, AllFragmentsOfAPacketHaveOneClass) {
  const PacketMatch port{.ports = {{5, 5}}}, protocol{.protocols = {17}}, dscp{.dscp = {46}};
  for (const uint16_t fragment : {0x2000, 0x2001, 0x0001}) {
    const PacketBytes packet = Udp(5, {.fragment = fragment, .traffic_class = 184});
    EXPECT_FALSE(Is(port, packet)) << fragment;
    EXPECT_TRUE(Is(protocol, packet)) << fragment;
    EXPECT_TRUE(Is(dscp, packet)) << fragment;
  }
  for (const uint8_t low : {0x01, 0x09, 0x08}) {  // of offset and "more"
    const PacketBytes packet =
        Udp(5, {.v6 = true, .traffic_class = 184, .extensions = {44, 17, 0, 0, low, 0, 0, 0, 9}});
    EXPECT_FALSE(Is(port, packet)) << int{low};
    EXPECT_TRUE(Is(protocol, packet)) << int{low};
    EXPECT_TRUE(Is(dscp, packet)) << int{low};
  }
  // One that is the whole packet has its ports.
  EXPECT_TRUE(Is(port, Udp(5, {.v6 = true, .extensions = {44, 17, 0, 0, 0, 0, 0, 0, 9}})));
}

TEST(ClassifierTest, LooksBehindExtensions) {
  const PacketBytes packet = Udp(5, {.v6 = true, .extensions = {60, 17, 0, 1, 4, 0, 0, 0, 0}});
  EXPECT_TRUE(Is({.ports = {{5, 5}}}, packet));
  EXPECT_TRUE(Is({.protocols = {17}}, packet));
  EXPECT_FALSE(Is({.protocols = {60}}, packet));
}

TEST(ClassifierTest, HeadersThatAreCutOffHaveNoPorts) {
  PacketBytes packet = Udp(5);
  packet.resize(23);
  Set16(packet, 2, 23);
  EXPECT_FALSE(Is({.ports = {{5, 5}}}, packet));
  EXPECT_TRUE(Is({.protocols = {17}}, packet));
}

TEST(ClassifierTest, WhatIsInteractiveIsSaidByOthers) {
  const PacketMatch any{.interactive = true}, marked{.dscp = {46}, .interactive = true};
  for (const bool interactive : {false, true}) {
    EXPECT_EQ(Is(any, MakePacket({}), Layer::kIp, interactive), interactive);
    EXPECT_FALSE(Is(marked, MakePacket({}), Layer::kIp, interactive));
    EXPECT_TRUE(Is({.protocols = {6}}, MakePacket({}), Layer::kIp, interactive));
  }
}

TEST(ClassifierTest, FramesAreLookedInto) {
  const PacketBytes tagged = Udp(5, {.ethernet = true, .vlan_tags = 1, .traffic_class = 184});
  EXPECT_TRUE(Is({.dscp = {46}, .ports = {{5, 5}}}, tagged, Layer::kEthernet));
  PacketBytes arp(42);
  Set16(arp, 12, 0x0806);
  const std::vector<PacketMatch> matches = {
      {.dscp = {0}}, {.protocols = {0}}, {.networks = {Prefix("0.0.0.0", 0)}}};
  for (const PacketMatch& match : matches) {
    EXPECT_FALSE(Is(match, arp, Layer::kEthernet));
  }
}

}  // namespace
}  // namespace warp::control
