#include "control/gate/tun/tun_members.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/control/gate/tun/packet/packets.h"

namespace warp::control {
namespace {

class Member : public TunMember {
 public:
  size_t OnPackets(std::span<const wire::Bytes> packets) override { return packets.size(); }
  void OnDrop(wire::Drop) override { ++drops; }
  void OnCut() override {}
  size_t room() const override { return 0; }
  int drops = 0;
};

const PacketMatch kMarked{.dscp = {46}}, kPort{.ports = {{5, 5}}};

TunPrefix Prefix(const char* address, uint8_t length) {
  return {.address = *wire::IpAddress::Parse(address), .length = length};
}

class TunMembersTest : public ::testing::Test {
 protected:
  TunMember* For(const PacketSpec& spec) {
    const PacketBytes packet = MakePacket(spec);
    return members_.MemberFor(wire::Instant(), packet, *ReadInnerPacket(packet, Layer::kIp));
  }
  bool May(const Member& member, const char* source) {
    return members_.MayComeFrom(member, *wire::IpAddress::Parse(source));
  }

  TunMembers members_;
  Member office_, voice_, phones_, other_;
};

TEST_F(TunMembersTest, ClassesGoToTheirTunnels) {
  members_.Add(office_, {.tunnel = "office", .classes = {{kMarked, "voice"}, {kPort, "phones"}}});
  EXPECT_EQ(For({.traffic_class = 184}), &office_);  // its tunnel is not there yet
  members_.Add(voice_, {.tunnel = "voice", .class_of = "office"});
  members_.Add(phones_, {.tunnel = "phones", .class_of = "office"});
  EXPECT_EQ(For({}), &office_);
  EXPECT_EQ(For({.traffic_class = 184}), &voice_);
  EXPECT_EQ(For({.port = 5}), &phones_);
  EXPECT_EQ(For({.port = 5, .traffic_class = 184}), &voice_);
  members_.Remove(voice_);
  EXPECT_EQ(For({.port = 5, .traffic_class = 184}), &office_);
  EXPECT_EQ(For({.port = 5}), &phones_);
  members_.Remove(office_);
  EXPECT_EQ(For({.port = 5}), nullptr);
  members_.Remove(phones_);
  EXPECT_TRUE(members_.empty());
}

TEST_F(TunMembersTest, TheOrderInWhichTheyComeDoesNotMatter) {
  members_.Add(voice_, {.tunnel = "voice", .class_of = "office"});
  EXPECT_EQ(For({.traffic_class = 184}), nullptr);
  members_.Add(office_, {.tunnel = "office", .classes = {{kMarked, "voice"}}});
  EXPECT_EQ(For({}), &office_);
  EXPECT_EQ(For({.traffic_class = 184}), &voice_);
}

// Without classes at this end, the tunnel still brings what the peer sends by it.
TEST_F(TunMembersTest, ATunnelWithoutAClassTakesNothing) {
  members_.Add(voice_, {.tunnel = "voice", .class_of = "office"});
  members_.Add(office_, {.tunnel = "office"});
  EXPECT_EQ(For({.traffic_class = 184}), &office_);
}

TEST_F(TunMembersTest, ClassesAreOfTheTunnelThatRoutesSay) {
  members_.Add(
      office_,
      {.tunnel = "office", .routes = {Prefix("10.9.0.0", 24)}, .classes = {{kMarked, "voice"}}});
  members_.Add(other_, {.tunnel = "other", .routes = {Prefix("10.0.0.0", 8)}});
  members_.Add(voice_,
               {.tunnel = "voice", .routes = {Prefix("10.9.0.2", 32)}, .class_of = "office"});
  EXPECT_EQ(For({.traffic_class = 184}), &voice_);  // to 10.9.0.2
  EXPECT_EQ(For({}), &office_);
  members_.Remove(office_);
  EXPECT_EQ(For({.traffic_class = 184}), &other_);
  members_.Remove(other_);
  EXPECT_EQ(For({.traffic_class = 184}), nullptr);
}

TEST_F(TunMembersTest, WhatAClassBringsMayComeFromWhereItsTunnelsMay) {
  members_.Add(office_, {.tunnel = "office", .routes = {Prefix("10.9.0.0", 24)}});
  members_.Add(other_, {.tunnel = "other", .routes = {Prefix("10.8.0.0", 24)}});
  members_.Add(voice_, {.tunnel = "voice", .class_of = "office"});
  EXPECT_TRUE(May(office_, "10.9.0.7"));
  EXPECT_TRUE(May(voice_, "10.9.0.7"));
  EXPECT_FALSE(May(voice_, "10.8.0.7"));
  EXPECT_FALSE(May(other_, "10.9.0.7"));
  EXPECT_FALSE(May(office_, "10.7.0.7"));
}

TEST_F(TunMembersTest, WhatIsOfNobodyIsCountedOnce) {
  members_.Add(office_, {.tunnel = "office"});
  members_.Add(voice_, {.tunnel = "voice", .class_of = "office"});
  members_.OnDrop(wire::Drop::kNoRoute);
  EXPECT_EQ(office_.drops + voice_.drops, 1);
}

}  // namespace
}  // namespace warp::control
