// Stories of hostile links: what one of them, or somebody near it, tries in order to take the payloads of the others.
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

// A report of one receipt has 47 bytes.
bool IsReport(const Seen& seen) {
  return seen.type() == 1 && !IsProbe(seen) && seen.datagram.size() >= 47;
}

// The payloads of Talk that neither node got during `duration`, after which the talk ends.
size_t Lost(VirtualNet& net, Duration duration, const std::function<void()>& every = {}) {
  net.TakeReceived(0);
  net.TakeReceived(1);
  const size_t before = net.talked();
  for (Duration passed{0}; passed < duration; passed += 1ms) {
    if (every) every();
    net.Run(1ms);
  }
  const size_t sent = net.talked() - before;
  net.Talk(0, 1, 0ms);
  for (int i = 0; i < 100; ++i) {
    if (every) every();
    net.Run(1ms);
  }
  const size_t received = net.TakeReceived(0).size() + net.TakeReceived(1).size();
  return sent - std::min(sent, received);
}

// Somebody on the link of the peer's port 1 puts its probes on the wire with the address of port 0 as their source, and
// swallows payloads.
TEST(HostileLinks, ProbeUnderTheAddressOfAnotherPortTakesNoPayloads) {
  VirtualNet net({.ports = {2, 2}});
  for (const int a : {0, 1}) net.DelayBoth(0, a, 1, 0, 20ms);
  net.Introduce(0, 1);
  net.Run(2s);
  std::vector<Seen> taken;
  net.Filter([&](const Seen& seen) {
    if (seen.from_node == 0) return !(IsPayload(seen) && seen.to == net.EndpointOf(1, 1));
    if (seen.from_port != 1) return true;
    if (IsProbe(seen)) taken.push_back(seen);
    return !IsProbe(seen);
  });
  net.Talk(0, 1);
  const size_t lost = Lost(net, 20s, [&] {
    for (const Seen& seen : std::exchange(taken, {})) {
      for (const int port : {0, 1}) {
        if (seen.to == net.EndpointOf(0, port))
          net.Inject(0, port, net.EndpointOf(1, 0), seen.datagram);
      }
    }
  });
  EXPECT_EQ(lost, 0u);
}

// The same man takes our probes to port 1 to port 0, so that their answers say that his address leads there too.
TEST(HostileLinks, ProbeTakenToAnotherPortTakesNoPayloads) {
  for (const bool spoofs : {false, true}) {
    VirtualNet net({.ports = {2, 2}});
    for (const int a : {0, 1}) net.DelayBoth(0, a, 1, 0, 20ms);
    net.Introduce(0, 1);
    net.Run(2s);
    const Endpoint man{IpAddress::V4({198, 51, 100, 66}), 666};
    std::vector<Seen> taken;
    net.Filter([&](const Seen& seen) {
      if (seen.from_node == 0 && seen.to == net.EndpointOf(1, 1)) {
        if (IsProbe(seen)) taken.push_back(seen);
        return false;
      }
      if (seen.to == man) taken.push_back(seen);
      return seen.from_node == 0 || seen.from_port == 0;
    });
    net.Talk(0, 1);
    std::map<std::vector<uint8_t>, int> asked;
    int port = 0;
    const size_t lost = Lost(net, 20s, [&] {
      for (const Seen& seen : std::exchange(taken, {})) {
        if (seen.from_node == 0) {
          port = seen.from_port;
          net.Inject(1, 0, spoofs ? net.EndpointOf(0, seen.from_port) : man, seen.datagram);
        } else {
          net.Inject(0, port, net.EndpointOf(1, 1), seen.datagram);
        }
      }
    });
    EXPECT_EQ(lost, 0u) << spoofs;
  }
}

// An interface has two addresses, and the one that carries loses most of the payloads, but no probes.
TEST(HostileLinks, AddressThatLosesFourOfFivePayloadsIsLeftForAnother) {
  VirtualNet net({.ports = {1, 1}});
  const Endpoint other{IpAddress::V4({203, 0, 113, 5}), 1000};
  net.Alias(1, 0, other);
  net.Introduce(0, 1);
  const std::vector<Endpoint> more = {other};
  net.node(0).SetPeerEndpoints(net.now(), 0, EndpointSource::kMap, more);
  net.Talk(0, 1);
  net.Run(3s);
  Endpoint carrier;
  for (const PathStatus& path : net.Peer(0, 1).paths) {
    if (path.carries) carrier = path.remote;
  }
  int count = 0;
  net.Filter(
      [&](const Seen& seen) { return seen.to != carrier || !IsPayload(seen) || ++count % 5 == 0; });
  net.Run(5s);
  EXPECT_EQ(Lost(net, 20s), 0u);
}

// Few payloads at a time, long after one another: the address that swallows them is found out all the same.
TEST(HostileLinks, FewPayloadsSufficeToLeaveAnAddressThatSwallowsThem) {
  for (const auto& [burst, pause] : {std::pair(10, 20s), std::pair(1, 60s), std::pair(1, 1s)}) {
    VirtualNet net({.ports = {1, 1}});
    const Endpoint other{IpAddress::V4({203, 0, 113, 5}), 1000};
    net.Alias(1, 0, other);
    net.Introduce(0, 1);
    const std::vector<Endpoint> more = {other};
    net.node(0).SetPeerEndpoints(net.now(), 0, EndpointSource::kMap, more);
    net.Run(5s);
    Endpoint carrier;
    for (const PathStatus& path : net.Peer(0, 1).paths) {
      if (path.carries) carrier = path.remote;
    }
    net.Filter([&](const Seen& seen) { return seen.to != carrier || !IsPayload(seen); });
    for (int sent = 0; sent < 20; sent += burst) {
      for (int i = 0; i < burst; ++i) net.Send(0, 1, "x");
      net.Run(pause);
    }
    net.TakeReceived(1);
    for (int i = 0; i < 10; ++i) {
      net.Send(0, 1, "x");
      net.Run(pause);
    }
    EXPECT_EQ(net.TakeReceived(1).size(), 10u) << burst;
  }
}

// Somebody holds back a report on one link until the peer was restarted and counts anew.
TEST(HostileLinks, ReportOfTheLifeBeforeBlocksNothing) {
  VirtualNet net({.ports = {2, 2}});
  net.Introduce(0, 1);
  net.Talk(0, 1);
  net.Run(60s);
  std::vector<Seen> held;
  net.Filter([&](const Seen& seen) {
    const bool report = seen.from_node == 1 && seen.from_port == 1 && IsReport(seen);
    if (report) held.push_back(seen);
    return !report && !(IsPayload(seen) && seen.to == net.EndpointOf(1, 1));
  });
  net.Run(600ms);
  net.Filter({});
  ASSERT_FALSE(held.empty());
  net.Restart(1);
  ASSERT_TRUE(net.RunUntil([&] { return net.Connected(1, 0) && net.ActivePaths(0, 1) == 4; }, 5s));
  net.Run(500ms);
  net.Inject(0, 1, net.EndpointOf(1, 1), held.back().datagram);
  for (int i = 0; i < 150; ++i) {
    net.Run(100ms);
    ASSERT_EQ(net.CarryingPaths(0, 1), 4u);
  }
}

// The same with a probe, and a peer whose clock begins at 1970.
TEST(HostileLinks, ProbeOfTheLifeBeforeTeachesNothing) {
  VirtualNet net({.ports = {1, 1}});
  net.Introduce(0, 1);
  net.Run(10s);
  std::vector<Seen> held;
  net.Filter([&](const Seen& seen) {
    if (seen.from_node != 1 || !IsProbe(seen)) return true;
    held.push_back(seen);
    return false;
  });
  net.Run(6s);  // in which it has a turn
  net.Filter({});
  ASSERT_FALSE(held.empty());
  net.SetClock(1, 0);
  net.Restart(1);
  ASSERT_TRUE(net.RunUntil([&] { return net.Connected(1, 0) && net.ActivePaths(0, 1) == 1; }, 5s));
  net.Run(5s);
  const Endpoint attacker{IpAddress::V4({198, 51, 100, 66}), 666};
  net.Inject(0, 0, attacker, held.back().datagram);
  EXPECT_FALSE(net.HasPath(0, 0, attacker));
  const Endpoint after{IpAddress::V4({203, 0, 113, 1}), 40001};
  net.Nat(1, 0, after);
  net.Run(10s);
  EXPECT_TRUE(net.HasPath(0, 0, after));
}

// The peer's control thread stands still, and a link fails at the same time, whichever it is.
TEST(HostileLinks, WhenEverythingLooksLostNoLinkIsGivenUp) {
  for (const int cut : {0, 1}) {
    VirtualNet net({.ports = {2, 1}});
    net.Introduce(0, 1);
    net.Talk(0, 1);
    net.Run(5s);
    net.Filter([](const Seen& seen) { return IsPayload(seen); });
    net.Cut(0, cut);
    EXPECT_EQ(Lost(net, 10s), 0u) << cut;
  }
}

// Our fast link passes all but reports; one of the peer's swallows payloads.
TEST(HostileLinks, LinkThatSwallowsReportsHidesNoOther) {
  VirtualNet net({.ports = {2, 2}});
  for (const int b : {0, 1}) net.DelayBoth(0, 1, 1, b, 20ms);
  net.Introduce(0, 1);
  net.Run(2s);
  net.Filter([&](const Seen& seen) {
    if (IsReport(seen) && seen.to == net.EndpointOf(0, 0)) return false;
    return seen.to != net.EndpointOf(1, 1) || !IsPayload(seen);
  });
  net.Talk(0, 1);
  ASSERT_TRUE(net.RunUntil([&] { return net.CarryingPaths(0, 1) == 2; }, 5s));
  EXPECT_TRUE(net.Path(0, 0, 1, 0).carries && net.Path(0, 1, 1, 0).carries);
}

// Somebody hears a link and is faster than it. What he repeats from his own address comes first, so that all answers go
// to him; then he swallows what comes.
TEST(HostileLinks, EarThatIsFasterThanTheLinkDoesNotKeepAnswers) {
  VirtualNet net({.ports = {1, 1}});
  net.DelayBoth(0, 0, 1, 0, 20ms);
  net.Introduce(0, 1);
  net.Run(2s);
  const Endpoint man{IpAddress::V4({198, 51, 100, 66}), 666};
  std::vector<Seen> taken;
  bool passes = true;
  net.Filter([&](const Seen& seen) {
    taken.push_back(seen);
    return true;
  });
  net.Talk(0, 1);
  const auto relay = [&] {
    for (const Seen& seen : std::exchange(taken, {})) {
      if (seen.to == man && !passes) continue;
      if (IsProbe(seen) || seen.to == man) net.Inject(1 - seen.from_node, 0, man, seen.datagram);
    }
  };
  EXPECT_EQ(Lost(net, 10s, relay), 0u);
  passes = false;
  net.Talk(0, 1);
  Lost(net, 5s, relay);
  net.Talk(0, 1);
  EXPECT_EQ(Lost(net, 20s, relay), 0u);
  EXPECT_EQ(net.Path(0, 0, 1, 0).state, PathState::kActive);
  EXPECT_EQ(net.Path(1, 0, 0, 0).state, PathState::kActive);
}

// Somebody hears the only link and is faster than it. First he relays probes under an address of his own, so that it
// leads to port 0 too. Then he takes our probes of the link to port 1 for a second, so that the link seems to lead
// there and leaves its pair to him. Once he stops, the link must take its place again, since its address was
// configured.
TEST(HostileLinks, RelayGivesThePayloadsBackToTheConfiguredAddress) {
  VirtualNet net({.ports = {1, 2}});
  net.DelayBoth(0, 0, 1, 0, 20ms);
  net.CutWay(0, 0, 1, 1);
  net.CutWay(1, 1, 0, 0);
  net.Introduce(0, 1);
  net.Run(2s);
  const Endpoint man{IpAddress::V4({198, 51, 100, 66}), 666};
  std::vector<Seen> heard;
  net.Filter([&](const Seen& seen) {
    heard.push_back(seen);
    return true;
  });
  const Instant moves = net.now() + 2s;
  bool moved = false;
  const auto attack = [&] {
    const bool moving = net.now() >= moves && net.now() < moves + 1s;
    for (const Seen& seen : std::exchange(heard, {})) {
      if (seen.from_node == 1) {
        if (IsProbe(seen) && !net.HasPath(0, 0, man)) net.Inject(0, 0, man, seen.datagram);
        // The answer to a probe that he took there.
        if (IsAnswer(seen) && seen.from_port == 1)
          net.Inject(0, 0, net.EndpointOf(1, 0), seen.datagram);
      } else if (IsProbe(seen)) {
        if (seen.to == man) net.Inject(1, 0, net.EndpointOf(0, 0), seen.datagram);
        if (seen.to == net.EndpointOf(1, 0) && moving)
          net.Inject(1, 1, net.EndpointOf(0, 0), seen.datagram);
      }
    }
    if (!net.HasPath(0, 0, man)) return;
    for (const PathStatus& path : net.Forwarding(0, 1).paths)
      moved |= path.remote == man && path.carries;
  };
  net.Talk(0, 1);
  EXPECT_EQ(Lost(net, 10s, attack), 0u);
  EXPECT_TRUE(moved) << "the attack did nothing";
}

TEST(HostileLinks, MorePairsThanAReportHoldsAllCarry) {
  VirtualNet net({.ports = {9, 9}});
  net.Introduce(0, 1);
  net.Run(1s);
  net.Talk(0, 1, 25ms);
  for (int i = 0; i < 80; ++i) {
    net.Run(100ms);
    ASSERT_EQ(net.CarryingPaths(0, 1), 81u);
    ASSERT_EQ(net.CarryingPaths(1, 0), 81u);
  }
}

// Bursts, after which nothing is sent for a while. What a slow link still holds is not missing.
TEST(HostileLinks, BurstsDoNotMakeASlowLinkLookBad) {
  VirtualNet net({.ports = {2, 1}});
  net.DelayBoth(0, 1, 1, 0, 300ms);
  net.Introduce(0, 1);
  net.Run(5s);
  for (int i = 0; i < 20; ++i) {
    for (int j = 0; j < 70; ++j) net.Send(0, 1, "x");
    for (int j = 0; j < 25; ++j) {
      net.Run(100ms);
      ASSERT_EQ(net.CarryingPaths(0, 1), 2u);
    }
  }
}

// An outage loses probes and payloads alike, whenever it begins between two reports and however long it lasts. The link
// carries again as soon as it answers again.
TEST(HostileLinks, OutageIsNotHeldAgainstALinkThatIsBack) {
  VirtualNet net({.ports = {2, 1}});
  net.Introduce(0, 1);
  net.Talk(0, 1, 8ms);
  for (Duration outage = 300ms; outage < 2500ms; outage += 70ms) {
    net.Run(1700ms);
    net.Cut(0, 1);
    net.Run(outage);
    net.Restore(0, 1);
    net.Run(600ms);
    for (int i = 0; i < 30; ++i) {
      net.Run(50ms);
      ASSERT_EQ(net.CarryingPaths(0, 1), 2u) << outage / 1ms << " " << i;
      ASSERT_EQ(net.CarryingPaths(1, 0), 2u) << outage / 1ms << " " << i;
    }
  }
}

// Nobody waits for anything, and a link fails again and again, or the only one loses three datagrams of ten.
TEST(HostileLinks, IdlePeerThatLivesNeverLooksDead) {
  for (const bool lossy : {false, true}) {
    VirtualNet net({.ports = {lossy ? 1 : 2, 1}});
    net.Introduce(0, 1);
    net.Run(30s);
    if (lossy) net.Loss(0.3);
    for (int i = 0; i < 2000; ++i) {
      if (!lossy && i % 100 == 0) net.Cut(0, 1);
      if (!lossy && i % 100 == 50) net.Restore(0, 1);
      net.Run(100ms);
      ASSERT_TRUE(net.Connected(0, 1)) << lossy << " " << i;
    }
  }
}

}  // namespace
}  // namespace warp::protocol
