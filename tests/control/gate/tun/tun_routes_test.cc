#include "control/gate/tun/tun_routes.h"

#include <gtest/gtest.h>

#include <random>

namespace warp::control {
namespace {

const char kHub[] = "hub", kOne[] = "one", kTwo[] = "two";

wire::IpAddress Ip(const char* text) { return *wire::IpAddress::Parse(text); }

TEST(TunRoutesTest, TheLongestPrefixWins) {
  TunRoutes<const char*> routes;
  EXPECT_TRUE(routes.empty());
  EXPECT_EQ(routes.Find(Ip("10.1.2.3")), nullptr);
  routes.Add({Ip("10.1.0.0"), 16}, kOne);
  routes.Add({Ip("0.0.0.0"), 0}, kHub);
  routes.Add({Ip("10.1.2.0"), 24}, kTwo);
  routes.Add({Ip("fd00::"), 16}, kOne);
  routes.Add({Ip("fd00::7"), 128}, kTwo);
  EXPECT_EQ(routes.Find(Ip("10.1.2.3")), kTwo);
  EXPECT_EQ(routes.Find(Ip("10.1.3.3")), kOne);
  EXPECT_EQ(routes.Find(Ip("10.2.3.3")), kHub);
  EXPECT_EQ(routes.Find(Ip("fd00::7")), kTwo);
  EXPECT_EQ(routes.Find(Ip("fd00::8")), kOne);
  // The default route of one family is none of the other.
  EXPECT_EQ(routes.Find(Ip("fe00::8")), nullptr);
  routes.Remove(kTwo);
  EXPECT_EQ(routes.Find(Ip("10.1.2.3")), kOne);
  routes.Remove(kOne);
  routes.Remove(kHub);
  EXPECT_TRUE(routes.empty());
}

TEST(TunRoutesTest, TheDefaultOfIPv6IsNoneOfIPv4) {
  TunRoutes<const char*> routes;
  routes.Add({Ip("::"), 0}, kOne);
  EXPECT_EQ(routes.Find(Ip("::1")), kOne);
  EXPECT_EQ(routes.Find(Ip("10.0.0.1")), nullptr);
}

// Against looking at each prefix.
TEST(TunRoutesTest, AgreesWithLookingAtAll) {
  std::mt19937 random(3);
  TunRoutes<const char*> routes;
  std::vector<std::pair<TunPrefix, const char*>> all;
  const auto bit = [](const wire::IpAddress& a, size_t i) {
    return a.bytes()[i / 8] >> (7 - i % 8) & 1;
  };
  const auto address = [&] {
    std::array<uint8_t, 16> bytes{};
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random() & 0x81);
    return wire::IpAddress::V6(bytes);
  };
  const char* const owners[] = {kHub, kOne, kTwo};
  for (size_t i = 0; i < 200; ++i) {
    TunPrefix prefix{.address = address(), .length = static_cast<uint8_t>(random() % 129)};
    std::array<uint8_t, 16> cut = prefix.address.bytes();
    for (size_t b = prefix.length; b < 128; ++b)
      cut[b / 8] &= static_cast<uint8_t>(~(0x80 >> b % 8));
    prefix.address = wire::IpAddress::V6(cut);
    routes.Add(prefix, owners[i % 3]);
    all.emplace_back(prefix, owners[i % 3]);
  }
  for (size_t i = 0; i < 300; ++i) {
    const wire::IpAddress wanted = address();
    const char* best = nullptr;
    int longest = -1;
    for (const auto& [prefix, owner] : all) {
      bool begins = true;
      for (size_t b = 0; b < prefix.length; ++b) begins &= bit(prefix.address, b) == bit(wanted, b);
      if (begins && prefix.length >= longest) longest = prefix.length, best = owner;
    }
    ASSERT_EQ(routes.Find(wanted), best);
  }
}

}  // namespace
}  // namespace warp::control
