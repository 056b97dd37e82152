// Attacks that look like a NAT that got another outside endpoint, and NATs that really do so all the time.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

using wire::Endpoint;
using wire::IpAddress;

// Where an attacker may be seen.
Endpoint Outside(int i) {
  return {IpAddress::V4({203, 0, static_cast<uint8_t>(i / 250), static_cast<uint8_t>(1 + i % 250)}),
          static_cast<uint16_t>(20000 + i)};
}
bool IsOutside(const Endpoint& endpoint) {
  return endpoint.address.is_v4() && endpoint.address.v4_bytes()[0] == 203;
}

// Somebody on a link takes a probe, or a payload, each second, and sends it on from an address of its own: authentic,
// new, and at the receiver for the first time. Nobody answers there, so nobody gets a payload there, the true paths go
// on, and the attacker gets few probes.
TEST(RebindAttack, WhoSpoofsARebindEachSecondGetsNoPayload) {
  for (const bool probes : {true, false}) {
    VirtualNet net({.ports = {2, 2}});
    net.Introduce(0, 1);
    net.Talk(0, 1);
    net.Run(3s);
    net.TakeReceived(0);
    net.TakeReceived(1);
    const size_t before = net.talked();
    int attacks = 0;
    size_t probes_there = 0;
    size_t payloads_there = 0;
    bool armed = false;
    std::vector<Seen> taken;
    net.Filter([&](const Seen& seen) {
      if (IsOutside(seen.to)) {
        (IsPayload(seen) ? payloads_there : probes_there) += 1;
        return false;
      }
      if (!armed || seen.from_node != 0 || seen.from_port != 0 ||
          (probes ? !IsProbe(seen) : !IsPayload(seen)))
        return true;
      armed = false;
      taken.push_back(seen);
      return false;
    });
    for (int i = 0; i < 600; ++i) {
      armed = armed || i % 10 == 0;
      net.Run(100ms);
      for (const Seen& seen : std::exchange(taken, {}))
        net.Inject(1, 0, Outside(attacks++), seen.datagram);
    }
    EXPECT_GT(attacks, 20) << probes;
    EXPECT_EQ(payloads_there, 0u) << probes;
    EXPECT_LT(probes_there, 10u * static_cast<unsigned>(attacks)) << probes;
    for (const int n : {0, 1}) {
      EXPECT_GE(net.TakeReceived(n).size() + 2, (net.talked() - before) / 2) << probes << n;
      EXPECT_EQ(net.ActivePaths(n, 1 - n), n == 0 ? 4u : net.ActivePaths(n, 1 - n));
      EXPECT_GE(net.CarryingPaths(n, 1 - n), 3u) << probes << n;
    }
  }
}

// A recording of everything, sent again from other addresses, later: not even a probe goes there.
TEST(RebindAttack, ARecordingFromElsewhereMovesNothing) {
  VirtualNet net({.ports = {1, 1}});
  net.Introduce(0, 1);
  net.Record(true);
  net.Talk(0, 1);
  net.Run(5s);
  const std::vector<Seen> seen = net.TakeSeen();
  size_t there = 0;
  net.Filter([&](const Seen& one) {
    there += IsOutside(one.to) ? 1 : 0;
    return true;
  });
  size_t handshakes = 0;
  for (size_t i = 0; i < seen.size(); ++i) {
    // Who has an initiation may be told that it is old, or get a cookie, and nothing else.
    if (seen[i].type() != 1) ++handshakes;
    net.Inject(1 - seen[i].from_node, 0, Outside(static_cast<int>(i % 4000)), seen[i].datagram);
    if (i % 20 == 0) net.Run(10ms);
  }
  net.Run(3s);
  EXPECT_LE(there, handshakes);
  for (const int n : {0, 1}) {
    for (const PathStatus& path : net.Peer(n, 1 - n).paths) EXPECT_FALSE(IsOutside(path.remote));
  }
}

// A carrier's NAT that gives another endpoint every ten seconds, on one of two links; on the other one nothing happens.
TEST(RebindAttack, ANatThatRebindsAllTheTimeCostsNothingWhileTheOtherLinkIsWhole) {
  VirtualNet net({.ports = {2, 1}});
  net.Introduce(0, 1);
  net.Run(3s);
  const size_t before = net.talked();
  net.Talk(0, 1);
  Duration longest{0};
  for (int i = 0; i < 60; ++i) {
    const Endpoint outside = Outside(i);
    // What was sent to the endpoint of before is lost.
    net.Nat(0, 0, outside);
    const Instant begun = net.now();
    ASSERT_TRUE(net.RunUntil(
        [&] {
          const ForwardingPeer& peer = net.Forwarding(1, 0);
          return std::any_of(peer.paths.begin(), peer.paths.end(), [&](const PathStatus& path) {
            return path.remote == outside && path.carries;
          });
        },
        5s))
        << i;
    longest = std::max(longest, net.now() - begun);
    net.Run(10s);
  }
  EXPECT_LT(longest, 2s);
  net.Talk(0, 1, 0s);
  net.Run(1s);
  const size_t said = net.talked() - before;
  EXPECT_EQ(net.TakeReceived(0).size() + net.TakeReceived(1).size(), said);
  EXPECT_LE(net.Peer(1, 0).paths.size(), 8u) << "those of before are forgotten";
}

}  // namespace
}  // namespace warp::protocol
