#include "control/gate/tun/packet/packet_mark.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/dataplane/wire/hex.h"

namespace warp::control {
namespace {

uint8_t Ip(const char* hex) { return DscpOf(wire::FromHex(hex), false); }
uint8_t Ethernet(const char* hex) { return DscpOf(wire::FromHex(hex), true); }

TEST(PacketMarkTest, IsReadFromAnyIpHeader) {
  EXPECT_EQ(Ip("45b8002c"), 46);
  EXPECT_EQ(Ip("45bb002c"), 46) << "the ECN bits are no part of it";
  EXPECT_EQ(Ip("4503002c"), 0);
  EXPECT_EQ(Ip("6b800000"), 46);
  EXPECT_EQ(Ip("6bb00000"), 46);
  EXPECT_EQ(Ip("60000000"), 0);
  EXPECT_EQ(Ip("6ff00000"), 63);
}

TEST(PacketMarkTest, NothingElseHasOne) {
  for (const char* hex : {"", "45", "6b", "00ff", "f5ff", "55b8"}) EXPECT_EQ(Ip(hex), 0) << hex;
}

TEST(PacketMarkTest, StandsBehindTheEthernetHeader) {
  const std::string macs = "02000000000b02000000000a";
  EXPECT_EQ(Ethernet((macs + "080045b8002c").c_str()), 46);
  EXPECT_EQ(Ethernet((macs + "86dd6b800000").c_str()), 46);
  EXPECT_EQ(Ethernet((macs + "080645b8002c").c_str()), 0) << "ARP";
  EXPECT_EQ(Ethernet((macs + "0800").c_str()), 0);
  EXPECT_EQ(Ethernet("45b8002c"), 0);
}

}  // namespace
}  // namespace warp::control
