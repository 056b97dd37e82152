// What a node does for the sake of NATs before it: it asks maps soon after one may have forgotten it, and it leaves to
// inside addresses what would turn round in one.
#include <gtest/gtest.h>

#include "tests/control/protocol/path/nat/stub_map.h"

namespace warp::protocol {
namespace {

using wire::Endpoint;
using wire::IpAddress;

// Its probes no longer arrive, because both NATs are port-restricted and the peer's knows nobody at the new port.
TEST(Nat, MapsAreAskedSoonWhenAPathFallsSilentWhileOthersWork) {
  for (const Duration delay : {5ms, 100ms}) {
    VirtualNet net({.ports = {2, 1}});
    for (const int port : {0, 1}) net.DelayBoth(0, port, 1, 0, delay);
    net.Introduce(0, 1);
    StubMap& map = StubMap::Of(net, 0);
    net.Talk(0, 1);
    net.Run(10s);
    EXPECT_TRUE(map.asked.empty());
    const Instant rebound = net.now();
    net.Cut(0, 1);
    net.Run(30s);
    ASSERT_EQ(map.asked.size(), 1u) << "once, while it stays silent";
    EXPECT_EQ(map.asked[0].second, 1);
    EXPECT_LT(map.asked[0].first - rebound, 800ms + 4 * delay);
    net.Restore(0, 1);
    net.Run(5s);
    net.Cut(0, 1);
    net.Run(5s);
    EXPECT_EQ(map.asked.size(), 2u) << "and again when it has worked meanwhile";
  }
}

TEST(Nat, MapsAreNotAskedForTheLossOfAFewProbes) {
  VirtualNet net({.ports = {1, 1}});
  net.Introduce(0, 1);
  StubMap& map = StubMap::Of(net, 0);
  net.Loss(0.1);
  net.Talk(0, 1);
  net.Run(100s);
  // A row of three in which each question or its answer was lost: 500 times 0.19 to the third power are four.
  EXPECT_LT(map.asked.size(), 15u);
}

// Both addresses of the peer's port were told, and both work.
TEST(Nat, AnInsideAddressIsBetterThanAHairpin) {
  const Endpoint outside{IpAddress::V4({203, 0, 113, 1}), 20001};
  for (const bool hairpin_first : {false, true}) {
    VirtualNet net({.ports = {1, 1}});
    const PeerId peer = net.AddPeer(0, 1, /*endpoints=*/false);
    net.AddPeer(1, 0);
    net.Alias(1, 0, outside);
    StubMap& map = StubMap::Of(net, 0);
    const Endpoint inside = net.EndpointOf(1, 0);
    // The one that is active first carries, and would go on.
    const auto told = hairpin_first ? std::vector{outside} : std::vector{outside, inside};
    net.node(0).SetPeerEndpoints(net.now(), peer, EndpointSource::kMap, told);
    net.Run(3s);
    net.node(0).SetPeerEndpoints(net.now(), peer, EndpointSource::kMap,
                                 std::vector{outside, inside});
    net.Talk(0, 1);
    net.Run(3s);
    const auto carries = [&](const Endpoint& endpoint) {
      for (const PathStatus& path : net.Peer(0, 1).paths) {
        if (path.remote == endpoint) return path.carries;
      }
      return false;
    };
    map.outside = {outside.address};
    net.Run(1s);
    EXPECT_TRUE(carries(inside)) << hairpin_first;
    EXPECT_FALSE(carries(outside)) << hairpin_first;
    net.TakeReceived(1);
    const size_t before = net.talked();
    // Where the inside fails, the hairpin does.
    net.Filter([&](const Seen& seen) { return seen.to != inside; });
    net.Run(2s);
    EXPECT_TRUE(carries(outside)) << hairpin_first;
    net.TakeReceived(1);
    const size_t after = net.talked();
    net.Run(1s);
    EXPECT_GE(net.TakeReceived(1).size() * 2 + 2, net.talked() - after) << before;
  }
}

// Two outside addresses of the peer's port, both of which work, and a map that tells our own.
class HairpinTest : public testing::Test {
 protected:
  static constexpr uint16_t kPort = 20001;
  HairpinTest() {
    const PeerId peer = net.AddPeer(0, 1, /*endpoints=*/false);
    net.AddPeer(1, 0);
    for (const Endpoint& at : {before, after}) net.Alias(1, 0, at);
    net.node(0).SetPeerEndpoints(net.now(), peer, EndpointSource::kMap, std::vector{before, after});
    net.Run(3s);
    net.Talk(0, 1);
    // The first is before the same NAT as we are, so that the other one carries.
    map.outside = {before.address};
    net.Run(3s);
    EXPECT_TRUE(Carries(after));
  }
  bool Carries(const Endpoint& endpoint) {
    for (const PathStatus& path : net.Peer(0, 1).paths) {
      if (path.remote == endpoint) return path.carries;
    }
    return false;
  }
  const Endpoint before{IpAddress::V4({203, 0, 113, 1}), kPort};
  const Endpoint after{IpAddress::V4({203, 0, 113, 2}), kPort};
  VirtualNet net{{.ports = {1, 1}}};
  StubMap& map = StubMap::Of(net, 0);
};

// The NAT that both ends are behind gets another outside address. The path to the one before is active for as long as
// its probes may still be answered, and must not look better because it is a hairpin no more.
TEST_F(HairpinTest, TheOutsideAddressBeforeIsNoBetter) {
  map.outside = {after.address};
  for (int i = 0; i < 3000; ++i) {
    net.Run(1ms);
    ASSERT_TRUE(Carries(after)) << i;
  }
  // It works on, and so it was not left, but is somewhere else than we are.
  EXPECT_TRUE(net.RunUntil([&] { return Carries(before); }, 20s));
}

}  // namespace
}  // namespace warp::protocol
