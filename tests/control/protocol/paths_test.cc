// Stories of paths: how they become active, are lost, return and are learned from probes.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

using wire::Drop;
using wire::Endpoint;
using wire::IpAddress;

TEST(Paths, EveryPairIsActiveAndMeasured) {
  for (const bool ipv6 : {false, true}) {
    VirtualNet net({.ports = {2, 3}, .ipv6 = ipv6});
    for (int b = 0; b < 3; ++b) {
      net.DelayBoth(0, 0, 1, b, 10ms * (b + 1));
      net.DelayBoth(0, 1, 1, b, 100ms * (b + 1));
    }
    net.Introduce(0, 1);
    net.Talk(0, 1);
    net.Run(10s);
    for (int b = 0; b < 3; ++b) {
      for (int a = 0; a < 2; ++a) {
        const PathStatus path = net.Path(0, a, 1, b);
        EXPECT_EQ(path.state, PathState::kActive);
        EXPECT_EQ(path.reason, "probe answered");
        const Duration round_trip = (a == 0 ? 20ms : 200ms) * (b + 1);
        ASSERT_TRUE(path.rtt.has_value());
        EXPECT_EQ(*path.rtt, round_trip);
        EXPECT_LT(*path.jitter, round_trip / 100);
        EXPECT_EQ(path.loss, 0);
      }
    }
  }
}

// What a round trip has beyond the shortest one is a queue, until the path is another one.
TEST(Paths, ShortestRoundTripIsOfThePathAsItIs) {
  VirtualNet net({.ports = {1, 1}});
  net.Introduce(0, 1);
  net.DelayBoth(0, 0, 1, 0, 10ms);
  net.Talk(0, 1);
  net.Run(10s);
  EXPECT_EQ(net.Path(0, 0, 1, 0).least_rtt, 20ms);
  net.DelayBoth(0, 0, 1, 0, 100ms);
  net.Run(10s);
  EXPECT_EQ(net.Path(0, 0, 1, 0).least_rtt, 20ms);
  EXPECT_GT(net.Path(0, 0, 1, 0).rtt, 190ms);
  net.Cut(0, 0);
  net.Run(10s);
  EXPECT_EQ(net.Path(0, 0, 1, 0).state, PathState::kLost);
  EXPECT_EQ(net.Path(0, 0, 1, 0).least_rtt, std::nullopt);
  net.Restore(0, 0);
  net.Run(10s);
  EXPECT_EQ(net.Path(0, 0, 1, 0).least_rtt, 200ms);
}

TEST(Paths, NoisyPathHasJitterAndLoss) {
  VirtualNet net({.ports = {1, 1}});
  net.Introduce(0, 1);
  net.Loss(0.2);
  net.Jitter(20ms);
  net.Talk(0, 1);
  net.Run(60s);
  const PathStatus path = net.Path(0, 0, 1, 0);
  EXPECT_GT(*path.rtt, 12ms);
  EXPECT_LT(*path.rtt, 48ms);
  EXPECT_GT(*path.jitter, 1ms);
  EXPECT_GT(path.loss, 0.15);
  EXPECT_LT(path.loss, 0.65);
}

TEST(Paths, BlackHoleIsLostAndComesBackWithinASecond) {
  VirtualNet net({.ports = {2, 2}});
  net.Introduce(0, 1);
  net.Talk(0, 1);
  net.Run(2s);
  for (int round = 0; round < 3; ++round) {
    net.Cut(0, 1);
    ASSERT_TRUE(net.RunUntil(
        [&] { return net.ActivePaths(0, 1) == 2 && net.ActivePaths(1, 0) == 2; }, 1500ms));
    EXPECT_EQ(net.Path(0, 1, 1, 0).state, PathState::kLost);
    EXPECT_EQ(net.Path(0, 1, 1, 0).reason, "no answer");
    EXPECT_TRUE(net.Connected(0, 1));
    net.Run(20s);
    net.Restore(0, 1);
    ASSERT_TRUE(
        net.RunUntil([&] { return net.ActivePaths(0, 1) == 4 && net.ActivePaths(1, 0) == 4; }, 1s));
    net.Run(5s);
  }
}

// Nobody waits for anything on an idle pair. What is lost meanwhile is found within a few seconds, and back within a
// few more; the first payload makes haste.
TEST(Paths, IdlePairNoticesWithinSeconds) {
  VirtualNet net({.ports = {2, 2}});
  net.Introduce(0, 1);
  net.Run(10s);
  net.Cut(0, 1);
  ASSERT_TRUE(
      net.RunUntil([&] { return net.ActivePaths(0, 1) == 2 && net.ActivePaths(1, 0) == 2; }, 4s));
  EXPECT_TRUE(net.Connected(0, 1));
  net.Run(60s);
  EXPECT_TRUE(net.Connected(0, 1) && net.Connected(1, 0));
  net.Restore(0, 1);
  net.Talk(0, 1);
  EXPECT_TRUE(
      net.RunUntil([&] { return net.ActivePaths(0, 1) == 4 && net.ActivePaths(1, 0) == 4; }, 1s));
}

// IPv4 and UDP headers included, both directions of one link.
TEST(Paths, IdlePairOfTwoLinksEachCostsLessThanAGigabyteAMonth) {
  VirtualNet net({.ports = {2, 2}});
  net.Introduce(0, 1);
  net.Run(60s);
  net.Record(true);
  net.Run(600s);
  uint64_t bytes = 0;
  for (const Seen& seen : net.TakeSeen()) bytes += seen.datagram.size() + 28;
  const uint64_t of_a_link = bytes / 2;  // each datagram crosses one link of each node
  constexpr uint64_t kMonth = 30 * 24 * 3600;
  EXPECT_LT(of_a_link * (kMonth / 600), uint64_t{1'000'000'000});
  EXPECT_EQ(net.ActivePaths(0, 1), 4u);
  EXPECT_TRUE(net.Connected(0, 1) && net.Connected(1, 0));
}

TEST(Paths, ProbesAndAnswersGrowWithThePathsAndNotWithTheirSquare) {
  const auto datagrams = [](int ports) {
    VirtualNet net({.ports = {ports, ports}});
    net.Introduce(0, 1);
    net.Talk(0, 1);
    net.Run(10s);
    net.Talk(0, 1, 0ms);
    net.Talk(0, 1, 1000ms);  // in use, with few payloads among the probes
    net.Record(true);
    net.Run(10s);
    size_t count = 0;
    for (const Seen& seen : net.TakeSeen()) {
      if (IsProbe(seen) || IsAnswer(seen)) ++count;
    }
    return count;
  };
  const size_t of_four = datagrams(2);
  const size_t of_sixteen = datagrams(4);
  EXPECT_LE(of_sixteen, of_four * 9 / 2);
  EXPECT_LE(of_four,
            4u * 2 * 2 * 55);  // paths, ends, probe and answer, five a second for ten seconds
}

// --- Who carries payloads. ---

// Takes what the peer receives; each payload once.
size_t Received(VirtualNet& net) {
  std::set<std::string> texts;
  for (const int n : {0, 1}) {
    for (std::string& text : net.TakeReceived(n)) {
      EXPECT_TRUE(texts.insert(text).second) << "twice: " << text;
    }
  }
  return texts.size();
}

TEST(Carriers, OneCopyForEachPairOfInterfaces) {
  VirtualNet net({.ports = {2, 2}});
  std::vector<Endpoint> more;
  for (const int port : {0, 1}) {
    for (uint8_t i = 0; i < 3; ++i) {
      more.push_back({IpAddress::V4({203, 0, static_cast<uint8_t>(port), i}), 1000});
      net.Alias(1, port, more.back());
    }
  }
  net.Introduce(0, 1);
  net.node(0).SetPeerEndpoints(net.now(), 0, EndpointSource::kMap, more);
  net.Run(1s);
  net.Talk(0, 1);
  net.Run(2s);
  EXPECT_EQ(net.ActivePaths(0, 1), 2u * (2 + 6));
  EXPECT_EQ(net.CarryingPaths(0, 1), 4u);
  EXPECT_EQ(net.CarryingPaths(1, 0), 4u);
}

TEST(Carriers, AnotherAddressOfTheInterfaceTakesOverWhenOneFails) {
  VirtualNet net({.ports = {1, 1}});
  const Endpoint other{IpAddress::V4({203, 0, 113, 5}), 1000};
  net.Alias(1, 0, other);
  net.Introduce(0, 1);
  const std::vector<Endpoint> more = {other};
  net.node(0).SetPeerEndpoints(net.now(), 0, EndpointSource::kMap, more);
  net.Run(2s);
  net.Talk(0, 1);
  net.Run(2s);
  Endpoint carrier;
  for (const PathStatus& path : net.Peer(0, 1).paths) {
    if (path.carries) carrier = path.remote;
  }
  net.Filter([carrier](const Seen& seen) { return seen.to != carrier; });
  net.Run(2s);
  Received(net);
  const size_t before = net.talked();
  net.Run(2s);
  EXPECT_EQ(net.CarryingPaths(0, 1), 1u);
  EXPECT_GE(Received(net) + 2, net.talked() - before);
}

// Small datagrams pass, payloads do not: a link with a broken MTU, or somebody who passes on probes alone.
TEST(Carriers, PathThatLosesAllPayloadsCarriesNone) {
  VirtualNet net({.ports = {2, 1}});
  net.Introduce(0, 1);
  net.Run(2s);
  const auto is_control = [](const Seen& seen) {
    return seen.type() != 1 || IsProbe(seen) || IsAnswer(seen);
  };
  net.Filter([&](const Seen& seen) {
    return is_control(seen) || seen.from_port == 0 || seen.from_node == 1;
  });
  net.Talk(0, 1);
  ASSERT_TRUE(net.RunUntil([&] { return net.CarryingPaths(0, 1) == 1; }, 5s));
  EXPECT_TRUE(net.Path(0, 0, 1, 0).carries);
  EXPECT_EQ(net.Path(0, 1, 1, 0).state, PathState::kActive) << "its probes are answered";
  EXPECT_EQ(net.CarryingPaths(1, 0), 2u);
  net.Run(60s);
  net.Filter({});
  EXPECT_TRUE(net.RunUntil([&] { return net.CarryingPaths(0, 1) == 2; }, 62s)) << "tried again";
  net.Run(30s);
  EXPECT_EQ(net.CarryingPaths(0, 1), 2u);
}

TEST(Carriers, PeerThatWasRestartedCountsAnew) {
  VirtualNet net({.ports = {2, 2}});
  net.Introduce(0, 1);
  net.Run(2s);
  net.Talk(0, 1);
  net.Run(30s);
  net.Restart(1);
  net.Run(5s);
  for (int i = 0; i < 100; ++i) {
    net.Run(200ms);
    EXPECT_EQ(net.CarryingPaths(0, 1), 4u);
    EXPECT_EQ(net.CarryingPaths(1, 0), 4u);
  }
}

// The peer's control thread stands still, or somebody drops all that is small. Payloads pass.
TEST(Carriers, PayloadsGoOnWhenEverythingLooksLost) {
  VirtualNet net({.ports = {2, 2}});
  net.Introduce(0, 1);
  net.Run(2s);
  net.Talk(0, 1);
  net.Run(2s);
  net.Talk(0, 1, 0ms);
  net.Run(100ms);
  Received(net);
  const size_t before = net.talked();
  net.Talk(0, 1);
  net.Filter([](const Seen& seen) { return IsPayload(seen); });
  net.Run(8s);
  net.Filter({});
  net.Talk(0, 1, 0ms);
  net.Run(1s);
  EXPECT_EQ(Received(net), net.talked() - before);
}

TEST(Carriers, RoundTripsOfFiveSecondsWork) {
  VirtualNet net({.ports = {2, 2}});
  for (const int a : {0, 1}) {
    for (const int b : {0, 1}) net.DelayBoth(0, a, 1, b, 2500ms);
  }
  net.Introduce(0, 1);
  net.Run(60s);
  EXPECT_EQ(net.ActivePaths(0, 1), 4u);
  net.Talk(0, 1);
  net.Run(60s);
  EXPECT_EQ(net.ActivePaths(0, 1), 4u);
  EXPECT_EQ(net.CarryingPaths(0, 1), 4u);
  net.Talk(0, 1, 0ms);
  net.Run(6s);
  EXPECT_EQ(Received(net), net.talked());
}

TEST(Carriers, LossOfHalfOnTwoLinksCostsWhatTwoCopiesMustLose) {
  double worst = 0;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    VirtualNet net({.ports = {2, 1}, .seed = seed});
    net.Introduce(0, 1);
    net.Run(5s);
    net.Talk(0, 1);
    net.Loss(0.5);
    net.Run(5s);
    Received(net);
    const size_t before = net.talked();
    net.Run(60s);
    net.Talk(0, 1, 0ms);
    net.Run(1s);
    const double sent = static_cast<double>(net.talked() - before);
    worst = std::max(worst, 1 - static_cast<double>(Received(net)) / sent);
  }
  EXPECT_LT(worst, 0.25 + 0.02);
}

// Somebody near one link takes probes off it and puts them back with other sources, as many as he likes, and passes on
// what is sent there, but no payloads.
TEST(Carriers, RelayOfProbesNeitherMultipliesPayloadsNorKeepsThem) {
  VirtualNet net({.ports = {1, 1}});
  net.AddPeer(0, 1, /*endpoints=*/false);
  net.AddPeer(1, 0);
  net.Run(2s);
  net.Talk(0, 1);
  net.Record(true);
  const auto relay = [](int i) {
    return Endpoint{IpAddress::V4({198, 51, 100, static_cast<uint8_t>(i)}), 666};
  };
  const auto step = [&](int n) {
    for (int i = 0; i < n; ++i) {
      net.Run(1ms);
      for (const Seen& seen : net.TakeSeen()) {
        if (!IsProbe(seen) && !IsAnswer(seen)) continue;
        if (seen.from_node == 1 && IsProbe(seen)) {
          net.Inject(0, 0, relay(static_cast<int>(net.talked() % 16)), seen.datagram);
        } else if (seen.from_node == 0 && seen.to.port == 666) {
          net.Inject(1, 0, seen.to, seen.datagram);
        }
      }
    }
  };
  step(20'000);
  EXPECT_LE(net.Peer(0, 1).paths.size(), kMaxLearnedPerPort + 1);
  EXPECT_EQ(net.CarryingPaths(0, 1), 1u);
  EXPECT_EQ(net.CarryingPaths(1, 0), 1u);
  EXPECT_GE(Received(net) + 4, net.talked());
  // The peer moves away from that link.
  net.Record(false);
  net.Nat(1, 0, {IpAddress::V4({203, 0, 113, 77}), 4000});
  net.Run(5s);
  Received(net);
  const size_t before = net.talked();
  net.Run(2s);
  EXPECT_GE(Received(net) + 2, net.talked() - before);
}

TEST(Paths, PortDownIsLostAtOnceAndUpIsBackAtOnce) {
  VirtualNet net({.ports = {2, 2}});
  net.Introduce(0, 1);
  net.Run(2s);
  net.PortDown(0, 1);
  EXPECT_EQ(net.ActivePaths(0, 1), 2u);
  EXPECT_EQ(net.Path(0, 1, 1, 1).state, PathState::kLost);
  EXPECT_EQ(net.Path(0, 1, 1, 1).reason, "port down");
  EXPECT_EQ(net.Path(0, 1, 1, 1).since, net.now());
  net.Run(10s);
  net.PortUp(0, 1);
  EXPECT_TRUE(
      net.RunUntil([&] { return net.ActivePaths(0, 1) == 4 && net.ActivePaths(1, 0) == 4; }, 50ms))
      << "both directions recover together, at the pace of the link";
}

TEST(Paths, AllPortsDownAndUpAgain) {
  VirtualNet net({.ports = {2, 2}});
  net.Introduce(0, 1);
  net.Run(2s);
  net.PortDown(0, 0);
  net.PortDown(0, 1);
  net.Run(30s);
  EXPECT_FALSE(net.Connected(0, 1));
  EXPECT_FALSE(net.Connected(1, 0));
  net.PortUp(0, 1);
  EXPECT_TRUE(
      net.RunUntil([&] { return net.ActivePaths(0, 1) == 2 && net.ActivePaths(1, 0) == 2; }, 50ms));
}

TEST(Paths, RemovedPortTakesItsPathsAlong) {
  VirtualNet net({.ports = {2, 2}});
  net.Introduce(0, 1);
  net.Run(2s);
  net.node(0).RemovePort(net.now(), 1);
  EXPECT_EQ(net.Peer(0, 1).paths.size(), 2u);
  net.PortUp(0, 1);  // calls SetPort again
  EXPECT_EQ(net.Peer(0, 1).paths.size(), 4u);
  EXPECT_TRUE(net.RunUntil([&] { return net.ActivePaths(0, 1) == 4; }, 50ms));
}

TEST(Paths, PortWithoutAnAddressIsLost) {
  VirtualNet net({.ports = {2, 1}});
  net.Introduce(0, 1);
  net.Run(1s);
  net.node(0).SetPort(net.now(), 1, {.up = true, .addresses = {}});
  EXPECT_EQ(net.Path(0, 1, 1, 0).state, PathState::kLost);
  EXPECT_EQ(net.Path(0, 1, 1, 0).reason, "no address");
  net.PortUp(0, 1);
  EXPECT_TRUE(net.RunUntil([&] { return net.ActivePaths(0, 1) == 2; }, 50ms));
}

TEST(Paths, OneWayPathIsOfUseInItsDirection) {
  VirtualNet net({.ports = {2, 2}});
  net.CutWay(1, 0, 0, 0);
  net.Introduce(0, 1);
  net.Run(5s);
  EXPECT_EQ(net.Path(0, 0, 1, 0).state, PathState::kActive)
      << "answers come back over the other paths";
  EXPECT_EQ(net.Path(0, 0, 1, 0).rtt, std::nullopt) << "but say nothing of its round trip";
  EXPECT_EQ(net.Path(1, 0, 0, 0).state, PathState::kCandidate);
  EXPECT_EQ(net.ActivePaths(0, 1), 4u);
  EXPECT_EQ(net.ActivePaths(1, 0), 3u);
}

TEST(Paths, SlowPathIsNotLostForBeingSlow) {
  VirtualNet net({.ports = {1, 1}});
  net.DelayBoth(0, 0, 1, 0, 700ms);
  net.Introduce(0, 1);
  net.Run(10s);
  EXPECT_EQ(net.Path(0, 0, 1, 0).state, PathState::kActive);
  const Instant since = net.Path(0, 0, 1, 0).since;
  net.Run(60s);
  EXPECT_EQ(net.Path(0, 0, 1, 0).state, PathState::kActive);
  EXPECT_EQ(net.Path(0, 0, 1, 0).since, since);
  EXPECT_EQ(*net.Path(0, 0, 1, 0).rtt, 1400ms);
}

// --- Endpoints. ---

TEST(Endpoints, LearnedFromProbesAndAfterANatRebind) {
  VirtualNet net({.ports = {1, 2}});
  const Endpoint before{IpAddress::V4({203, 0, 113, 1}), 40000};
  const Endpoint after{IpAddress::V4({203, 0, 113, 1}), 40001};
  net.Nat(0, 0, before);
  net.AddPeer(0, 1);
  net.AddPeer(1, 0, /*endpoints=*/false);
  net.Run(2s);
  EXPECT_TRUE(net.HasPath(1, 0, before));
  EXPECT_TRUE(net.HasPath(1, 1, before)) << "an endpoint is good for every port";
  EXPECT_EQ(net.ActivePaths(1, 0), 2u);

  net.Nat(0, 0, after);
  ASSERT_TRUE(net.RunUntil([&] { return net.HasPath(1, 0, after) && net.ActivePaths(1, 0) == 4; },
                           Timers{}.idle_probe_interval + 300ms))
      << "added; the old one is not yet lost";
  net.Run(2s);
  EXPECT_TRUE(net.HasPath(1, 0, before)) << "never substituted";
  EXPECT_EQ(net.ActivePaths(1, 0), 2u);
  EXPECT_TRUE(net.Connected(0, 1));
  net.Run(330s);
  EXPECT_FALSE(net.HasPath(1, 0, before)) << "forgotten in the end";
  EXPECT_TRUE(net.HasPath(1, 0, after));
}

TEST(Endpoints, FewOfAPortAreLearnedAndTheOneThatCarriesStays) {
  VirtualNet net({.ports = {1, 1}});
  net.AddPeer(0, 1);
  net.AddPeer(1, 0, /*endpoints=*/false);
  net.Talk(0, 1);
  for (uint16_t i = 0; i < 40; ++i) {
    net.Nat(0, 0, {IpAddress::V4({203, 0, 113, 1}), static_cast<uint16_t>(40000 + i)});
    net.Run(3s);
    EXPECT_LE(net.Peer(1, 0).paths.size(), kMaxLearnedPerPort);
    EXPECT_EQ(net.ActivePaths(1, 0), 1u);
    EXPECT_TRUE(net.Connected(1, 0));
  }
  EXPECT_EQ(net.Peer(1, 0).paths.size(), kMaxLearnedPerPort);
}

TEST(Endpoints, OnlyTheNewestProbeOfAPortTeaches) {
  VirtualNet net({.ports = {1, 1}});
  net.Introduce(0, 1);
  net.Talk(0, 1);
  net.Run(2s);
  const Endpoint attacker{IpAddress::V4({198, 51, 100, 66}), 666};
  const auto held_back_probe = [&] {
    net.TakeSeen();
    net.Record(true);
    net.CutWay(0, 0, 1, 0);
    net.Run(250ms);
    net.RestoreWay(0, 0, 1, 0);
    net.Record(false);
    for (const Seen& seen : net.TakeSeen()) {
      if (seen.from_node == 0 && IsProbe(seen)) return seen.datagram;
    }
    ADD_FAILURE() << "no probe";
    return std::vector<uint8_t>();
  };
  const std::vector<uint8_t> old = held_back_probe();
  net.Run(500ms);  // newer probes have arrived since then
  net.Inject(1, 0, attacker, old);
  EXPECT_FALSE(net.HasPath(1, 0, attacker));
  net.Inject(1, 0, attacker, held_back_probe());
  EXPECT_TRUE(net.HasPath(1, 0, attacker)) << "the newest does, from wherever it comes";
  net.Run(2s);
  EXPECT_EQ(net.ActivePaths(1, 0), 1u) << "but nobody answers there, and nothing was substituted";
}

TEST(Endpoints, NonsenseIsRefused) {
  VirtualNet net({.ports = {2, 1}});
  const PeerId peer = net.AddPeer(0, 1, /*endpoints=*/false);
  const std::vector<Endpoint> nonsense = {
      *Endpoint::Parse("224.0.0.1:13116"),
      *Endpoint::Parse("255.255.255.255:13116"),
      *Endpoint::Parse("127.0.0.1:13116"),
      *Endpoint::Parse("0.0.0.0:13116"),
      *Endpoint::Parse("[ff02::1]:13116"),
      *Endpoint::Parse("[::1]:13116"),
      {IpAddress(), 13116},
      net.EndpointOf(0, 0),
      net.EndpointOf(0, 1),
      {IpAddress::V4({192, 0, 2, 1}), 0},
  };
  for (const EndpointSource source : {EndpointSource::kConfig, EndpointSource::kMap}) {
    net.node(0).SetPeerEndpoints(net.now(), peer, source, nonsense);
    EXPECT_TRUE(net.Peer(0, 1).paths.empty());
  }
  net.Run(5s);
  EXPECT_EQ(net.Sent(0), 0u);
}

TEST(Endpoints, FamilyMustMatch) {
  VirtualNet net({.ports = {1, 1}});  // all ports have IPv4 addresses
  const PeerId peer = net.AddPeer(0, 1, /*endpoints=*/false);
  const std::vector<Endpoint> six = {*Endpoint::Parse("[2001:db8::1]:13116"),
                                     *Endpoint::Parse("[fe80::1]:13116")};
  net.node(0).SetPeerEndpoints(net.now(), peer, EndpointSource::kConfig, six);
  EXPECT_TRUE(net.Peer(0, 1).paths.empty());
  // A port with only a link-local address reaches only link-local endpoints.
  net.node(0).SetPort(net.now(), 0,
                      {.up = true, .addresses = {}, .link_locals = {*IpAddress::Parse("fe80::2")}});
  EXPECT_FALSE(net.HasPath(0, 0, six[0]));
  EXPECT_TRUE(net.HasPath(0, 0, six[1]));
}

// What is ours on one link may be the peer's on another.
TEST(Endpoints, LinkLocalAddressesAreOfTheirLink) {
  VirtualNet net({.ports = {2, 1}});
  const PeerId peer = net.AddPeer(0, 1, /*endpoints=*/false);
  const Endpoint one = *Endpoint::Parse("[fe80::1]:13116");
  const Endpoint two = *Endpoint::Parse("[fe80::2]:13116");
  net.node(0).SetPort(net.now(), 0, {.up = true, .addresses = {}, .link_locals = {one.address}});
  net.node(0).SetPort(net.now(), 1, {.up = true, .addresses = {}, .link_locals = {two.address}});
  net.node(0).SetPeerEndpoints(net.now(), peer, EndpointSource::kConfig, {{one, two}});
  EXPECT_FALSE(net.HasPath(0, 0, one));
  EXPECT_TRUE(net.HasPath(0, 1, one));
  EXPECT_TRUE(net.HasPath(0, 0, two));
  EXPECT_FALSE(net.HasPath(0, 1, two));
}

TEST(Endpoints, BoundOnesAreReachedThroughTheirPortAlone) {
  VirtualNet net({.ports = {3, 1}});
  const PeerId peer = net.AddPeer(0, 1, /*endpoints=*/false);
  const std::vector<Endpoint> far = {*Endpoint::Parse("[fe80::9]:13116")};
  for (const uint16_t port : {0, 1, 2}) {
    net.node(0).SetPort(net.now(), port,
                        {.up = true,
                         .addresses = {},
                         .link_locals = {*IpAddress::Parse("fe80::1")},
                         .number = port + 1u});
  }
  net.node(0).SetPeerEndpoints(net.now(), peer, EndpointSource::kConfig, far, /*instance=*/1);
  net.node(0).SetPeerEndpoints(net.now(), peer, EndpointSource::kConfig, far, /*instance=*/3);
  EXPECT_EQ(net.Peer(0, 1).paths.size(), 2u);
  EXPECT_TRUE(net.HasPath(0, 0, far[0]));
  EXPECT_FALSE(net.HasPath(0, 1, far[0]));
  EXPECT_TRUE(net.HasPath(0, 2, far[0]));
}

// A port in a connection to a map reaches what is at the map's address, which is its relay, and nobody else.
TEST(Endpoints, APortThatReachesOneAddressHasPathsThereAlone) {
  VirtualNet net({.ports = {2, 1}});
  const PeerId peer = net.AddPeer(0, 1, /*endpoints=*/false);
  const std::vector<Endpoint> far = {*Endpoint::Parse("198.51.100.7:20000"),
                                     *Endpoint::Parse("203.0.113.9:13116")};
  net.node(0).SetPeerEndpoints(net.now(), peer, EndpointSource::kConfig, far);
  EXPECT_EQ(net.Peer(0, 1).paths.size(), 4u);
  net.node(0).SetPort(
      net.now(), 1,
      {.up = true, .addresses = {*IpAddress::Parse("192.0.2.7")}, .only = far[0].address});
  EXPECT_TRUE(net.HasPath(0, 0, far[0]));
  EXPECT_TRUE(net.HasPath(0, 0, far[1]));
  EXPECT_TRUE(net.HasPath(0, 1, far[0]));
  EXPECT_FALSE(net.HasPath(0, 1, far[1]));
}

TEST(Endpoints, APeerWithoutAPathSaysWhy) {
  VirtualNet net({.ports = {1, 1}});
  const PeerId peer = net.AddPeer(0, 1, /*endpoints=*/false);
  EXPECT_EQ(net.Peer(0, 1).reason, "no endpoint is known");
  const std::vector<Endpoint> six = {*Endpoint::Parse("[2001:db8::1]:13116")};
  net.node(0).SetPeerEndpoints(net.now(), peer, EndpointSource::kConfig, six);
  EXPECT_EQ(net.Peer(0, 1).reason, "no port reaches an endpoint");
  net.node(0).SetPort(net.now(), 0, {.up = true, .addresses = {*IpAddress::Parse("2001:db8::2")}});
  EXPECT_EQ(net.Peer(0, 1).reason, "no answer yet");
}

TEST(Endpoints, MapDoesNotTakeAwayWhatWorks) {
  VirtualNet net({.ports = {1, 2}});
  const PeerId peer = net.AddPeer(0, 1, /*endpoints=*/false);
  net.AddPeer(1, 0, /*endpoints=*/false);
  const std::vector<Endpoint> both = {net.EndpointOf(1, 0), net.EndpointOf(1, 1)};
  net.node(0).SetPeerEndpoints(net.now(), peer, EndpointSource::kMap, both);
  net.Run(2s);
  EXPECT_EQ(net.ActivePaths(0, 1), 2u);
  net.node(0).SetPeerEndpoints(net.now(), peer, EndpointSource::kMap, {});
  net.Run(5s);
  EXPECT_EQ(net.ActivePaths(0, 1), 2u);
  net.Cut(1, 1);
  net.Run(2 * Timers{}.idle_probe_interval + 500ms);
  EXPECT_EQ(net.Peer(0, 1).paths.size(), 1u) << "lost, and nobody names it any more";
  EXPECT_EQ(net.ActivePaths(0, 1), 1u);
}

TEST(Endpoints, FalseOnesGetFewProbesAndNoPayload) {
  VirtualNet net({.ports = {4, 1}});
  net.Introduce(0, 1);
  net.Run(2s);
  std::vector<Endpoint> victims;
  for (uint8_t i = 0; i < 100; ++i) victims.push_back({IpAddress::V4({198, 51, 100, i}), 53});
  net.node(0).SetPeerEndpoints(net.now(), 0, EndpointSource::kMap, victims);
  EXPECT_EQ(net.Peer(0, 1).paths.size(), 4u + 4 * 16);
  net.Record(true);
  for (int i = 0; i < 1000; ++i) {
    net.Send(0, 1, "x");
    net.Run(10ms);
  }
  size_t shots = 0;
  for (const Seen& seen : net.TakeSeen()) {
    if (seen.to.port == 53) ++shots;
  }
  EXPECT_GT(shots, 64u);
  EXPECT_LT(shots, 64u * 8) << "in ten seconds: probes back off, payloads never go there";
  EXPECT_EQ(net.TakeReceived(1).size(), 1000u);
}

TEST(Endpoints, UnansweredProbesShareOneBudget) {
  Timers timers;
  timers.candidate_interval_max = 10ms;  // probes without back-off
  timers.probe_interval = 10ms;
  VirtualNet net({.ports = {8, 1}, .timers = timers});
  net.Introduce(0, 1);
  net.Run(1s);
  std::vector<Endpoint> victims;
  for (uint8_t i = 0; i < 16; ++i) victims.push_back({IpAddress::V4({198, 51, 100, i}), 53});
  net.node(0).SetPeerEndpoints(net.now(), 0, EndpointSource::kMap, victims);
  net.Record(true);
  net.Run(3s);
  size_t shots = 0;
  for (const Seen& seen : net.TakeSeen()) {
    if (seen.to.port == 53) ++shots;
  }
  EXPECT_LE(shots, kUnansweredBurst + 3 * kUnansweredPerSecond);
  EXPECT_EQ(net.ActivePaths(0, 1), 8u) << "those that answer do not suffer";
}

}  // namespace
}  // namespace warp::protocol
