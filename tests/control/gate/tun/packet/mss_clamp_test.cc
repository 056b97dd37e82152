#include "control/gate/tun/packet/mss_clamp.h"

#include <gtest/gtest.h>

#include "tests/control/gate/tun/packet/packets.h"

namespace warp::control {
namespace {

PacketBytes Syn(bool v6, PacketBytes options, uint8_t flags = kSynFlag) {
  return MakePacket({.v6 = v6, .flags = flags, .options = std::move(options), .data = 0});
}

PacketBytes Clamped(PacketBytes packet, size_t room, Layer layer = Layer::kIp) {
  const InnerPacket inner = *ReadInnerPacket(packet, layer);
  const PacketBytes before = packet;
  const bool wants = WantsLargerSegments(packet, inner, room);
  ClampSegments(packet, inner, room);
  EXPECT_EQ(wants, packet != before);
  EXPECT_TRUE(ChecksumsAreRight(packet, layer));
  return packet;
}

TEST(MssClampTest, ASynAsksForWhatFits) {
  for (const uint8_t flags : {kSynFlag, uint8_t{kSynFlag | kAckFlag}}) {
    EXPECT_EQ(Clamped(Syn(false, {2, 4, 0x05, 0xb4}, flags), 1400),
              Syn(false, {2, 4, 0x05, 0x50}, flags));  // 1,460 to 1,360
    EXPECT_EQ(Clamped(Syn(true, {2, 4, 0x05, 0xa0}, flags), 1400),
              Syn(true, {2, 4, 0x05, 0x3c}, flags));  // 1,440 to 1,340
  }
}

// An option may stand anywhere, at odd places too.
TEST(MssClampTest, FindsTheOptionAnywhere) {
  EXPECT_EQ(Clamped(Syn(false, {1, 2, 4, 0x05, 0xb4, 3, 3, 7}), 1400),
            Syn(false, {1, 2, 4, 0x05, 0x50, 3, 3, 7}));
  EXPECT_EQ(Clamped(Syn(false, {4, 2, 1, 1, 2, 4, 0xff, 0xff}), 1400),
            Syn(false, {4, 2, 1, 1, 2, 4, 0x05, 0x50}));
}

// Which of two the receiver takes is its own affair.
TEST(MssClampTest, EachOfSeveralOptionsFits) {
  EXPECT_EQ(
      Clamped(Syn(false, {2, 4, 0x05, 0, 1, 2, 4, 0x05, 0xb4, 2, 4, 0xff, 0xff, 0, 0, 0}), 1400),
      Syn(false, {2, 4, 0x05, 0, 1, 2, 4, 0x05, 0x50, 2, 4, 0x05, 0x50, 0, 0, 0}));
}

// What fits is said of frames without tags.
TEST(MssClampTest, TagsTakeFromWhatFits) {
  for (size_t tags = 0; tags < 3; ++tags) {
    const auto syn = [&](size_t segment) {
      return MakePacket(
          {.ethernet = true,
           .vlan_tags = tags,
           .flags = kSynFlag,
           .options = {2, 4, static_cast<uint8_t>(segment >> 8), static_cast<uint8_t>(segment)},
           .data = 0});
    };
    EXPECT_EQ(Clamped(syn(1460), 1400, Layer::kEthernet), syn(1360 - 4 * tags)) << tags;
  }
}

TEST(MssClampTest, OtherPacketsStayAsTheyAre) {
  const auto stays = [](const PacketBytes& packet) { return Clamped(packet, 1400) == packet; };
  EXPECT_TRUE(stays(Syn(false, {2, 4, 0x05, 0x50})));            // it fits
  EXPECT_TRUE(stays(Syn(false, {2, 4, 0x05, 0xb4}, kAckFlag)));  // no SYN
  EXPECT_TRUE(stays(Syn(false, {})));
  EXPECT_TRUE(stays(Syn(false, {0, 0, 2, 4, 0x05, 0xb4, 0, 0})));  // behind the end
  EXPECT_TRUE(stays(Syn(false, {2, 6, 0x05, 0xb4, 0, 0, 0, 0})));  // of a wrong length
  EXPECT_TRUE(stays(Syn(false, {8, 0, 2, 4, 0x05, 0xb4, 0, 0})));  // behind one without length
  EXPECT_TRUE(stays(Syn(false, {1, 1, 1, 2})));                    // cut off
  EXPECT_TRUE(stays(MakePacket({.protocol = kProtocolUdp})));
  EXPECT_TRUE(stays(Syn(false, {2, 4, 0, 80})));  // as small as it may be
}

TEST(MssClampTest, NobodyIsAskedForNothing) {
  EXPECT_EQ(Clamped(Syn(false, {2, 4, 0x05, 0xb4}), 10), Syn(false, {2, 4, 0, 88}));
}

}  // namespace
}  // namespace warp::control
