#include "control/gate/tun/tun_members.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/control/gate/tun/packet/packets.h"

namespace warp::control {
namespace {

class Member : public TunMember {
 public:
  size_t OnPackets(std::span<const wire::Bytes> packets, bool) override { return packets.size(); }
  void OnDrop(wire::Drop) override { ++drops; }
  void OnCut() override {}
  size_t room() const override { return fits; }
  int drops = 0;
  size_t fits = 0;
};

const PacketMatch kMarked{.dscp = {46}}, kPort{.ports = {{5, 5}}};

TunPrefix Prefix(const char* address, uint8_t length) {
  return {.address = *wire::IpAddress::Parse(address), .length = length};
}

class TunMembersTest : public ::testing::Test {
 protected:
  TunMembers::Target TargetOf(const PacketSpec& spec) {
    const PacketBytes packet = MakePacket(spec);
    return members_.TargetOf(wire::Instant(), packet, *ReadInnerPacket(packet, Layer::kIp));
  }
  TunMember* For(const PacketSpec& spec) { return TargetOf(spec).member; }
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

// No class is needed for that, and none keeps it from being so.
TEST_F(TunMembersTest, InteractivePacketsAreKnownInEachTunnel) {
  members_.Add(office_, {.tunnel = "office", .classes = {{kMarked, "voice"}}});
  members_.Add(voice_, {.tunnel = "voice", .class_of = "office"});
  EXPECT_TRUE(TargetOf({.data = 0}).interactive);
  EXPECT_FALSE(TargetOf({.data = 1}).interactive);
  EXPECT_FALSE(TargetOf({.data = 0}).interactive);  // it has just sent
  const TunMembers::Target marked = TargetOf({.port = 7, .traffic_class = 184, .data = 0});
  EXPECT_EQ(marked.member, &voice_);
  EXPECT_TRUE(marked.interactive);
}

// A SYN goes by one tunnel, and what follows perhaps by another, in either direction.
TEST_F(TunMembersTest, AConnectionHasTheRoomOfItsNarrowestTunnel) {
  members_.Add(voice_, {.tunnel = "voice", .class_of = "office"});
  voice_.fits = 1300;
  EXPECT_EQ(members_.LeastRoom(voice_), 1300u);  // its owner is not there
  members_.Add(office_, {.tunnel = "office", .routes = {Prefix("10.9.0.0", 24)}});
  members_.Add(other_, {.tunnel = "other", .routes = {Prefix("10.8.0.0", 24)}});
  other_.fits = 1000;
  EXPECT_EQ(members_.LeastRoom(office_), 1300u);  // its own is not known
  office_.fits = 1400;
  EXPECT_EQ(members_.LeastRoom(office_), 1300u);
  office_.fits = 1200;
  EXPECT_EQ(members_.LeastRoom(office_), 1200u);
  EXPECT_EQ(members_.LeastRoom(voice_), 1200u);
  members_.Remove(voice_);
  office_.fits = 1400;
  EXPECT_EQ(members_.LeastRoom(office_), 1400u);
}

TEST_F(TunMembersTest, WhatIsOfNobodyIsCountedOnce) {
  members_.Add(office_, {.tunnel = "office"});
  members_.Add(voice_, {.tunnel = "voice", .class_of = "office"});
  members_.OnDrop(wire::Drop::kNoRoute);
  EXPECT_EQ(office_.drops + voice_.drops, 1);
}

}  // namespace
}  // namespace warp::control
