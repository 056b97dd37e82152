// The sockets of LAN discovery, on real links between two machines:
//
//   home  up0 ── d0  far
//         up1 ── d1
#include "control/lan/lan_socket.h"

#include <gtest/gtest.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/os/socket_address.h"
#include "dataplane/os/unique_fd.h"
#include "tests/control/network_namespace.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

using Family = LanSocket::Family;

constexpr uint16_t kPort = 13115;
constexpr int kHops = 255;

struct Heard {
  int hops;
  std::string from;
  std::string text;
  friend bool operator==(const Heard&, const Heard&) = default;
};

class LanSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!home_.valid() || !far_.valid()) GTEST_SKIP() << "needs root";
    const std::string far = std::to_string(far_.tid());
    for (NetworkNamespace* machine : {&home_, &far_}) {  // addresses serve at once
      ASSERT_TRUE(
          machine->Sh("echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad &&"
                      "echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad"));
    }
    for (const char* i : {"0", "1"}) {
      const std::string up = std::string("up") + i, d = std::string("d") + i;
      ASSERT_TRUE(home_.Sh("ip link add " + up + " type veth peer name " + d + " netns " + far));
      ASSERT_TRUE(home_.Sh("ip addr add 10.9" + std::string(i) + ".0.1/24 dev " + up +
                           " && ip addr add fd00:" + i + "::1/64 dev " + up + " nodad"));
      ASSERT_TRUE(far_.Sh("ip addr add 10.9" + std::string(i) + ".0.2/24 dev " + d +
                          " && ip addr add fd00:" + i + "::2/64 dev " + d + " nodad"));
      ASSERT_TRUE(home_.Sh("ip link set " + up + " up"));
      ASSERT_TRUE(far_.Sh("ip link set " + d + " up"));
      ASSERT_TRUE(home_.Sh(Ready(up)) && far_.Sh(Ready(d)));
    }
  }

  // Waits until the kernel has seen that the link is up.
  static std::string Ready(const std::string& name) {
    return "for i in $(seq 200); do ip -6 address show dev " + name +
           " | grep -q fe80 && exit 0; sleep 0.05; done; exit 1";
  }
  // A socket at an interface of this thread's machine. What it hears is kept by the interface's name.
  std::unique_ptr<LanSocket> Open(Loop& loop, Family family, const std::string& name) {
    const LanSocket::Interface interface { name, static_cast<int>(if_nametoindex(name.c_str())) };
    auto opened = LanSocket::Open(
        loop, family, interface, kPort, kHops,
        [this, name](int hops, const wire::IpAddress& from, wire::Bytes bytes) {
          heard_[name].push_back({hops, from.ToString(), std::string(bytes.begin(), bytes.end())});
        });
    EXPECT_TRUE(opened.ok()) << opened.status();
    return opened.ok() ? *std::move(opened) : nullptr;
  }
  static wire::Bytes Text(const std::string& text) {
    return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
  }
  // As another program of `far` sends, under that source address.
  static void SendFrom(const char* source, const char* to, const std::string& text,
                       int hops = 255) {
    const int by = static_cast<int>(if_nametoindex("d0"));
    const os::SocketAddress own({*wire::IpAddress::Parse(source), 0}, static_cast<uint32_t>(by));
    const os::SocketAddress group({*wire::IpAddress::Parse(to), kPort}, static_cast<uint32_t>(by));
    const os::UniqueFd fd(socket(own.family(), SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const ip_mreqn v4{.imr_multiaddr = {}, .imr_address = {}, .imr_ifindex = by};
    setsockopt(fd.get(), IPPROTO_IP, IP_MULTICAST_IF, &v4, sizeof(v4));
    setsockopt(fd.get(), IPPROTO_IP, IP_MULTICAST_TTL, &hops, sizeof(hops));
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_MULTICAST_IF, &by, sizeof(by));
    setsockopt(fd.get(), IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops));
    EXPECT_EQ(bind(fd.get(), own.get(), own.size()), 0);
    EXPECT_EQ(sendto(fd.get(), text.data(), text.size(), 0, group.get(), group.size()),
              static_cast<ssize_t>(text.size()));
  }
  // 10.90.0.2 or fd00:0::2 floods, and the other address says something now and then.
  void Flood(Family family, const char* group, const char* flooder, const char* quiet) {
    home_.Do([&] {
      const auto loop = MakeLoop();
      const auto socket = Open(*loop, family, "up0");
      const auto flood = [&] {
        far_.Do([&] {
          for (int i = 0; i < 300; ++i) SendFrom(flooder, group, "flood");
        });
      };
      // Until the kernel leaves it out.
      ASSERT_TRUE(TurnUntil(*loop, [&] {
        flood();
        return heard_["up0"].size() >= LoudSources::kTooMany - 1;
      }));
      Settle(*loop);
      const size_t before = heard_["up0"].size();
      EXPECT_LE(before, static_cast<size_t>(LoudSources::kTooMany));
      for (int i = 0; i < 10; ++i) {
        flood();
        far_.Do([&] { SendFrom(quiet, group, "quiet"); });
        loop->RunOnce(64);
      }
      ASSERT_TRUE(TurnUntil(*loop, [&] { return heard_["up0"].size() >= before + 10; }));
      EXPECT_EQ(heard_["up0"].back(), (Heard{kHops, quiet, "quiet"}));
      EXPECT_EQ(heard_["up0"].size(), before + 10);
    });
  }

  NetworkNamespace home_;
  NetworkNamespace far_;
  std::map<std::string, std::vector<Heard>> heard_;
};

TEST_F(LanSocketTest, EachFamilyIsHeardOnItsOwnLinkAlone) {
  home_.Do([&] {
    const auto loop = MakeLoop();
    const auto v4 = Open(*loop, Family::kV4, "up0");
    const auto v6 = Open(*loop, Family::kV6, "up0");
    const auto other4 = Open(*loop, Family::kV4, "up1");
    const auto other6 = Open(*loop, Family::kV6, "up1");
    far_.Do([&] {
      const auto far_loop = MakeLoop();
      EXPECT_TRUE(Open(*far_loop, Family::kV4, "d0")->Send(Text("four")));
      EXPECT_TRUE(Open(*far_loop, Family::kV6, "d0")->Send(Text("six")));
    });
    ASSERT_TRUE(TurnUntil(*loop, [&] { return heard_["up0"].size() == 2; }));
    Settle(*loop);
    const Heard& four = heard_["up0"][heard_["up0"][0].text == "four" ? 0 : 1];
    EXPECT_EQ(four, (Heard{kHops, "10.90.0.2", "four"}));
    EXPECT_EQ(heard_["up0"].size(), 2u);
    EXPECT_EQ(heard_["up1"].size(), 0u);
    // What one sends oneself does not come back.
    EXPECT_TRUE(v4->Send(Text("own")));
    EXPECT_TRUE(v6->Send(Text("own")));
    Settle(*loop);
    EXPECT_EQ(heard_["up0"].size(), 2u);
  });
}

// Several ports may be of one interface, and other programs in the group.
TEST_F(LanSocketTest, AllInTheGroupHear) {
  home_.Do([&] {
    const auto loop = MakeLoop();
    const auto one = Open(*loop, Family::kV6, "up0");
    const auto two = Open(*loop, Family::kV6, "up0");
    ASSERT_TRUE(one != nullptr && two != nullptr);
    far_.Do([&] {
      const auto far_loop = MakeLoop();
      EXPECT_TRUE(Open(*far_loop, Family::kV6, "d0")->Send(Text("all")));
    });
    ASSERT_TRUE(TurnUntil(*loop, [&] { return heard_["up0"].size() == 2; }));
  });
}

TEST_F(LanSocketTest, WhatIsForThisMachineAloneOrTooLongIsNotHeard) {
  home_.Do([&] {
    const auto loop = MakeLoop();
    const auto socket = Open(*loop, Family::kV4, "up0");
    far_.Do([&] {
      SendFrom("10.90.0.2", "10.90.0.1", "for one");
      SendFrom("10.90.0.2", "224.0.0.251", "for another group");
      SendFrom("10.90.0.2", "224.0.0.254", std::string(1400, 'x'));
      SendFrom("10.90.0.2", "224.0.0.254", "", 1);
      SendFrom("10.90.0.2", "224.0.0.254", "good", 7);
    });
    ASSERT_TRUE(TurnUntil(*loop, [&] { return heard_["up0"].size() == 3; }));
    EXPECT_EQ(heard_["up0"][0], (Heard{kHops, "10.90.0.2", ""}));
    EXPECT_EQ(heard_["up0"][1], (Heard{1, "10.90.0.2", ""}));
    EXPECT_EQ(heard_["up0"][2], (Heard{7, "10.90.0.2", "good"}));
  });
}

TEST_F(LanSocketTest, OneStationThatFloodsKeepsNoOtherFromBeingHeard) {
  ASSERT_TRUE(far_.Sh("ip addr add 10.90.0.3/24 dev d0 && ip addr add fd00:0::3/64 dev d0 nodad"));
  Flood(Family::kV4, "224.0.0.254", "10.90.0.2", "10.90.0.3");
  heard_.clear();
  Flood(Family::kV6, "ff12::8000:333b", "fd00::2", "fd00::3");
}

TEST(LoudSources, AreHeardAgainAfterAWhile) {
  const wire::IpAddress a = *wire::IpAddress::Parse("fe80::1"),
                        b = *wire::IpAddress::Parse("fe80::2");
  wire::Instant now = wire::Instant{} + std::chrono::hours(1);
  LoudSources loud;
  for (int second = 0; second < 5; ++second, now += LoudSources::kSecond) {
    for (int i = 1; i < LoudSources::kTooMany; ++i) EXPECT_FALSE(loud.Note(now, a));
  }
  for (int i = 1; i < LoudSources::kTooMany; ++i) EXPECT_FALSE(loud.Note(now, a));
  EXPECT_FALSE(loud.Has(a));
  EXPECT_TRUE(loud.Note(now, a));
  EXPECT_TRUE(loud.Has(a));
  EXPECT_FALSE(loud.Has(b));
  EXPECT_EQ(loud.NextExpiry(), now + LoudSources::kLeftOut);
  EXPECT_FALSE(loud.Expire(now + LoudSources::kSecond));
  EXPECT_TRUE(loud.Expire(now + LoudSources::kLeftOut));
  EXPECT_FALSE(loud.Has(a));
  // Whoever floods under ever other addresses makes the list no longer.
  for (uint8_t i = 0; i < 100; ++i) {
    for (int n = 0; n < LoudSources::kTooMany; ++n)
      loud.Note(now, wire::IpAddress::V4({10, 0, 0, i}));
  }
  EXPECT_FALSE(loud.Has(wire::IpAddress::V4({10, 0, 0, 99})));
}

}  // namespace
}  // namespace warp::control
