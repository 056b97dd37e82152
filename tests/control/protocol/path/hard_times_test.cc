// Links that are slow, lossy, idle or abused: what a pair of nodes still carries, and what it costs.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

using wire::Endpoint;
using wire::IpAddress;

// Payloads that arrived at either end since the last call; none may arrive twice.
size_t Arrived(VirtualNet& net) {
  std::set<std::string> texts;
  for (const int n : {0, 1}) {
    for (std::string& text : net.TakeReceived(n))
      EXPECT_TRUE(texts.insert(text).second) << "twice: " << text;
  }
  return texts.size();
}

// Bytes of one link in a month of 30 days, both directions, with IP and UDP headers.
uint64_t OfAMonth(NetOptions options, Duration after) {
  const uint64_t headers = options.ipv6 ? 48 : 28;
  const auto links = static_cast<uint64_t>(options.ports[0]);
  VirtualNet net(std::move(options));
  net.Introduce(0, 1);
  net.Run(after);
  net.Record(true);
  net.Run(1200s);
  uint64_t bytes = 0;
  for (const Seen& seen : net.TakeSeen()) bytes += seen.datagram.size() + headers;
  return bytes / links * (30 * 24 * 3600 / 1200);
}

TEST(Idle, PairOfTwoLinksEachLeavesRoomForAMapInAGigabyteAMonthOverEitherFamily) {
  for (const uint64_t seed : {1, 2, 3}) {
    EXPECT_LT(OfAMonth({.ports = {2, 2}, .seed = seed}, 60s), 870'000'000u);
    EXPECT_LT(OfAMonth({.ports = {2, 2}, .ipv6 = true, .seed = seed}, 60s), 870'000'000u);
  }
}

// As most of a month is.
TEST(Idle, PairThatKnowsItsNatsCostsAnEighthOfThat) {
  for (const bool ipv6 : {false, true}) {
    const uint64_t bytes = OfAMonth({.ports = {2, 2}, .ipv6 = ipv6}, 2h);
    RecordProperty(ipv6 ? "ipv6" : "ipv4", static_cast<int64_t>(bytes));
    EXPECT_LT(bytes, 110'000'000u);
  }
  EXPECT_LT(OfAMonth({.ports = {1, 1}}, 2h), 435'000'000u) << "one link alone is not tried out";
}

// A link dies in silence while nobody speaks, at any time; then somebody does. All payloads arrive over the other link.
TEST(Idle, LinkThatDiesLosesNothingOfWhatComesNext) {
  for (int moment = 0; moment < 20; ++moment) {
    VirtualNet net({.ports = {2, 2}, .seed = static_cast<uint64_t>(moment + 1)});
    net.Introduce(0, 1);
    net.Run(30s + 111ms * moment);
    net.Cut(0, moment % 2);
    net.Cut(1, moment % 2);
    net.Run(197ms * moment);
    net.Talk(0, 1);
    net.Run(10s);
    net.Talk(0, 1, 0ms);
    net.Run(1s);
    EXPECT_EQ(Arrived(net), net.talked()) << moment;
  }
}

// All links die while nobody speaks, and one comes back while payloads wait.
TEST(Idle, FirstLinkThatReturnsCarriesWithinASecond) {
  for (const Duration away : {3s, 20s, 100s}) {
    VirtualNet net({.ports = {2, 2}});
    net.Introduce(0, 1);
    net.Run(30s);
    for (const int port : {0, 1}) net.Cut(0, port);
    net.Run(away);
    net.Talk(0, 1);
    net.Run(5s);
    net.Restore(0, 1);
    Arrived(net);
    EXPECT_TRUE(net.RunUntil([&] { return Arrived(net) != 0; }, 1500ms)) << away / 1s;
  }
}

TEST(Slow, RoundTripsOfFiveSecondsWorkOnOneLinkBothFamiliesAndAfterARestart) {
  for (const bool ipv6 : {false, true}) {
    for (const Duration delay : {2500ms, 4000ms}) {
      VirtualNet net({.ports = {1, 1}, .ipv6 = ipv6});
      net.DelayBoth(0, 0, 1, 0, delay);
      net.Introduce(0, 1);
      net.Run(90s);
      for (const bool restarted : {false, true}) {
        if (restarted) {
          net.Restart(1);
          net.Run(90s);
        }
        Arrived(net);
        const size_t before = net.talked();
        net.Talk(0, 1);
        net.Run(400s);  // three rekeys
        net.Talk(0, 1, 0ms);
        net.Run(10s);
        EXPECT_EQ(Arrived(net), net.talked() - before) << delay / 1ms << restarted;
      }
    }
  }
}

// What must be lost is the share that all copies lose: a half to the power of the number of pairs. The rest of the
// tolerance is chance.
TEST(Lossy, HalfLostCostsWhatTheCopiesMustLose) {
  struct Case {
    std::vector<int> ports;
    double must;
    Duration delay;
  };
  for (const Case& c :
       {Case{{2, 1}, 0.25, 5ms}, Case{{2, 1}, 0.25, 300ms}, Case{{1, 2}, 0.25, 50ms},
        Case{{3, 1}, 0.125, 20ms}, Case{{2, 2}, 0.0625, 20ms}}) {
    for (const bool from_the_start : {false, true}) {
      VirtualNet net({.ports = c.ports, .seed = 77});
      for (int a = 0; a < c.ports[0]; ++a) {
        for (int b = 0; b < c.ports[1]; ++b) net.DelayBoth(0, a, 1, b, c.delay);
      }
      if (from_the_start) net.Loss(0.5);
      net.Introduce(0, 1);
      net.Run(20s);
      net.Loss(0.5);
      net.Talk(0, 1);
      net.Run(15s);
      Arrived(net);
      const size_t before = net.talked();
      net.Run(120s);
      net.Talk(0, 1, 0ms);
      net.Run(1s);
      const auto sent = static_cast<double>(net.talked() - before);
      const double lost = 1 - static_cast<double>(Arrived(net)) / sent;
      EXPECT_LT(lost, c.must + 0.02) << c.ports[0] << "x" << c.ports[1] << " " << c.delay / 1ms;
    }
  }
}

// Only payloads pass, for as long as the keys live.
TEST(Dark, PayloadsGoOnUntilTheKeysEnd) {
  for (const bool ipv6 : {false, true}) {
    for (const std::vector<int>& ports : {std::vector<int>{1, 1}, std::vector<int>{2, 2}}) {
      VirtualNet net({.ports = ports, .ipv6 = ipv6});
      net.Introduce(0, 1);
      net.Run(5s);
      net.Talk(0, 1);
      net.Run(5s);
      net.Talk(0, 1, 0ms);
      net.Run(1s);
      Arrived(net);
      const size_t before = net.talked();
      net.Filter([](const Seen& seen) { return IsPayload(seen); });
      net.Talk(0, 1);
      net.Run(150s);
      net.Talk(0, 1, 0ms);
      net.Run(1s);
      EXPECT_EQ(Arrived(net), net.talked() - before) << ipv6 << ports[0];
    }
  }
}

// Only one of the links passes payloads, and no probe or answer comes through any.
TEST(Dark, BestKnownPathKeepsSending) {
  VirtualNet net({.ports = {2, 2}});
  net.Introduce(0, 1);
  net.Run(2s);
  net.Talk(0, 1);
  net.Run(2s);
  net.Filter([](const Seen& seen) { return IsPayload(seen) && seen.from_port == 1; });
  net.Run(100ms);
  Arrived(net);
  const size_t before = net.talked();
  net.Run(100s);
  net.Talk(0, 1, 0ms);
  net.Run(1s);
  EXPECT_GE(Arrived(net) + 2, net.talked() - before);
}

// --- Somebody who makes addresses of others look like those of a peer. ---

// He takes the probes of node 1 off the link and puts them back from addresses of third parties. What node 0 sends to
// those he takes to node 1 under node 0's own address, so that answers come back from anywhere.
TEST(Cannon, ThirdPartiesGetFewPayloads) {
  for (const int ports : {1, 2}) {
    for (const bool told : {false, true}) {
      VirtualNet net({.ports = {ports, 1}});
      net.AddPeer(0, 1, told);
      net.AddPeer(1, 0);
      net.Run(2s);
      net.Record(true);
      net.Talk(0, 1, 10ms);
      uint32_t number = 0;
      size_t shots = 0;
      size_t most_paths = 0;
      for (int ms = 0; ms < 30'000; ++ms) {
        net.Run(1ms);
        for (const Seen& seen : net.TakeSeen()) {
          if (seen.from_node == 1 && IsProbe(seen)) {
            const Endpoint victim{
                IpAddress::V4({198, 51, 100, static_cast<uint8_t>(++number % 16)}), 666};
            for (int port = 0; port < ports; ++port) {
              if (seen.to == net.EndpointOf(0, port)) net.Inject(0, port, victim, seen.datagram);
            }
          } else if (seen.from_node == 0 && seen.to.port == 666) {
            if (IsPayload(seen)) ++shots;
            if (IsProbe(seen)) net.Inject(1, 0, seen.from, seen.datagram);
          }
        }
        most_paths = std::max(most_paths, net.CarryingPaths(0, 1));
      }
      net.Talk(0, 1, 0ms);
      net.Run(1s);
      EXPECT_LE(most_paths, static_cast<size_t>(ports));
      EXPECT_LT(shots, net.talked() / 20) << ports << told;
      EXPECT_EQ(Arrived(net), net.talked()) << ports << told;
    }
  }
}

}  // namespace
}  // namespace warp::protocol
