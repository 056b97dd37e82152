// Ports that cost something: how seldom they are probed, what they carry, and how they fall silent, at both ends.
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

// Node 0 has one port; port 1 of node 1 is to be used so.
std::unique_ptr<VirtualNet> WithUse(PortUse use) {
  auto net = std::make_unique<VirtualNet>(NetOptions{.ports = {1, 2}});
  net->UsePort(1, 1, use);
  net->Introduce(0, 1);
  EXPECT_TRUE(net->RunUntil([&] { return net->ActivePaths(0, 1) == 2; }, 5s));
  net->Run(30s);
  return net;
}

// Datagrams by port 1 of node 1, in either direction, of those that were recorded.
size_t ByPort(
    VirtualNet& net, bool (*is)(const Seen&) = [](const Seen&) { return true; }) {
  const std::vector<Seen> seen = net.TakeSeen();
  return static_cast<size_t>(std::count_if(seen.begin(), seen.end(), [&](const Seen& one) {
    const bool from = one.from_node == 1 && one.from_port == 1;
    return (from || one.to == net.EndpointOf(1, 1)) && is(one);
  }));
}

TEST(PortUse, AFreePortIsProbedOften) {
  const auto net = WithUse(PortUse::kFree);
  net->Record(true);
  net->Run(100s);
  EXPECT_GT(ByPort(*net, IsProbe), 30u);
}

TEST(PortUse, ASparingPortIsProbedSeldomByBothEndsWhileNothingFlows) {
  const auto net = WithUse(PortUse::kSparing);
  EXPECT_EQ(net->Path(0, 0, 1, 1).use, PortUse::kSparing);
  EXPECT_EQ(net->Path(0, 0, 1, 0).use, PortUse::kFree);
  net->Record(true);
  net->Run(100s);
  // One of both ends each 9 s at first; a rekey falls into this time.
  EXPECT_LE(ByPort(*net, IsProbe), 16u);
  EXPECT_TRUE(net->Connected(0, 1));
}

// Bytes of a month by the second port, one way, with IP and UDP headers.
uint64_t OfAMonth(PortUse use, bool busy) {
  const auto net = WithUse(use);
  if (busy) net->Talk(0, 1);
  net->Run(3600s);
  net->Record(true);
  net->Run(1200s);
  uint64_t bytes = 0;
  for (const Seen& one : net->TakeSeen()) {
    const bool from = one.from_node == 1 && one.from_port == 1;
    if (from || one.to == net->EndpointOf(1, 1)) bytes += one.datagram.size() + 28;
  }
  return bytes * (30 * 24 * 3600 / 1200);
}

// Who pays by the byte pays for less, whether others carry payloads meanwhile or nothing does.
TEST(PortUse, ASparingPortCostsNoMoreThanAFreeOneThatIsIdle) {
  const uint64_t free = OfAMonth(PortUse::kFree, false);
  const uint64_t sparing = OfAMonth(PortUse::kSparing, false);
  RecordProperty("free", static_cast<int64_t>(free));
  RecordProperty("sparing", static_cast<int64_t>(sparing));
  EXPECT_LE(sparing, free + free / 10);
  const uint64_t busy = OfAMonth(PortUse::kLastResort, true);
  RecordProperty("busy", static_cast<int64_t>(busy));
  EXPECT_LE(busy, free + free / 10);
}

// Payloads go by the other port, for which all paths would be probed five times a second.
TEST(PortUse, ASparingPortIsProbedSeldomWhilePayloadsGoByOthers) {
  const auto net = WithUse(PortUse::kLastResort);
  net->Talk(0, 1);
  net->Run(20s);
  net->Record(true);
  net->Run(100s);
  EXPECT_LE(ByPort(*net, IsProbe), 16u);
  net->Run(100s);
  // Nor do reports go by it, nor anything else but handshakes.
  EXPECT_LE(ByPort(*net), 60u);
  EXPECT_EQ(net->ActivePaths(0, 1), 2u);
  EXPECT_EQ(net->ActivePaths(1, 0), 2u);
}

// While payloads are sent over it, it must be known soon that it has died.
TEST(PortUse, ASparingPortThatCarriesIsProbedAsAnyOther) {
  const auto net = WithUse(PortUse::kSparing);
  net->Talk(0, 1);
  net->Run(2s);
  net->Record(true);
  net->Run(10s);
  EXPECT_GT(ByPort(*net, IsProbe), 60u);
  net->Cut(1, 1);
  ASSERT_TRUE(net->RunUntil([&] { return net->ActivePaths(0, 1) == 1; }, 3s));
  net->Restore(1, 1);
  EXPECT_TRUE(net->RunUntil([&] { return net->ActivePaths(0, 1) == 2; }, 12s));
}

TEST(PortUse, NoEndTakesASparingPathForDead) {
  const auto net = WithUse(PortUse::kSparing);
  for (int i = 0; i < 600; ++i) {
    net->Run(1s);
    ASSERT_EQ(net->ActivePaths(0, 1), 2u);
    ASSERT_EQ(net->ActivePaths(1, 0), 2u);
    ASSERT_TRUE(net->Connected(0, 1));
    ASSERT_TRUE(net->Connected(1, 0));
  }
}

TEST(PortUse, ASparingPathThatDiesIsFoundOutWithTheNextProbe) {
  const auto net = WithUse(PortUse::kSparing);
  net->Cut(1, 1);
  EXPECT_TRUE(net->RunUntil(
      [&] { return net->ActivePaths(0, 1) == 1 && net->ActivePaths(1, 0) == 1; }, 20s));
  net->Restore(1, 1);
  EXPECT_TRUE(net->RunUntil(
      [&] { return net->ActivePaths(0, 1) == 2 && net->ActivePaths(1, 0) == 2; }, 15s));
}

// The one path that costs nothing dies, and the peer must not look dead meanwhile.
TEST(PortUse, ASparingPathProvesThatThePeerLives) {
  const auto net = WithUse(PortUse::kLastResort);
  net->Talk(0, 1);
  net->Run(10s);
  net->Cut(1, 0);
  for (int i = 0; i < 300; ++i) {
    net->Run(10ms);
    ASSERT_TRUE(net->Connected(0, 1)) << i;
  }
  EXPECT_EQ(net->ActivePaths(0, 1), 1u);
  net->TakeReceived(1);
  net->Run(1s);
  EXPECT_GT(net->TakeReceived(1).size(), 40u);  // by the last resort
}

TEST(PortUse, ThePeerIsToldOfAChangeAtOnce) {
  const auto net = WithUse(PortUse::kFree);
  for (const PortUse use : {PortUse::kSparing, PortUse::kLastResort, PortUse::kFree}) {
    net->UsePort(1, 1, use);
    EXPECT_TRUE(net->RunUntil([&] { return net->Path(0, 0, 1, 1).use == use; }, 200ms));
    EXPECT_EQ(net->Path(1, 1, 0, 0).use, use);
    EXPECT_EQ(net->Path(0, 0, 1, 0).use, PortUse::kFree);
    net->Run(1s);  // probes beside the usual ones do not follow each other closely
  }
}

TEST(PortUse, APortThatStopsSaysSoAndNothingElse) {
  const auto net = WithUse(PortUse::kSparing);
  net->Talk(0, 1);
  net->Run(2s);
  net->TakeReceived(1);
  net->Record(true);
  net->UsePort(1, 1, PortUse::kNone);
  EXPECT_EQ(net->Path(1, 1, 0, 0).reason, "data cap reached");
  ASSERT_TRUE(net->RunUntil([&] { return net->CarryingPaths(0, 1) == 1; }, 200ms));
  net->Run(300s);
  const std::vector<Seen> seen = net->TakeSeen();
  EXPECT_EQ(std::count_if(seen.begin(), seen.end(),
                          [](const Seen& one) { return one.from_node == 1 && one.from_port == 1; }),
            1);  // the last word
  // What comes to it is not much either.
  EXPECT_LE(std::count_if(seen.begin(), seen.end(),
                          [&](const Seen& one) { return one.to == net->EndpointOf(1, 1); }),
            80);
  EXPECT_TRUE(net->Connected(0, 1));
  EXPECT_EQ(net->ActivePaths(0, 1), 1u);
  // No payload was lost at the moment it stopped: node 0 sends half of them.
  EXPECT_GE(net->TakeReceived(1).size(), 300u * 50 - 1);
}

TEST(PortUse, APortThatGoesOnIsUsedAgain) {
  const auto net = WithUse(PortUse::kSparing);
  net->UsePort(1, 1, PortUse::kNone);
  net->Run(60s);
  EXPECT_EQ(net->ActivePaths(0, 1), 1u);
  net->UsePort(1, 1, PortUse::kSparing);
  EXPECT_TRUE(net->RunUntil(
      [&] { return net->ActivePaths(0, 1) == 2 && net->ActivePaths(1, 0) == 2; }, 15s));
  EXPECT_EQ(net->Path(0, 0, 1, 1).use, PortUse::kSparing);
}

// The last word is lost: the path dies as any other.
TEST(PortUse, APortThatStopsUnheardIsMissed) {
  const auto net = WithUse(PortUse::kSparing);
  net->Talk(0, 1);
  net->Run(2s);
  net->Cut(1, 1);
  net->UsePort(1, 1, PortUse::kNone);
  net->Restore(1, 1);
  EXPECT_TRUE(net->RunUntil([&] { return net->ActivePaths(0, 1) == 1; }, 5s));
  EXPECT_TRUE(net->Connected(0, 1));
}

// Somebody holds the link of one port, and sends its probes on as if they had left the other one. What they say is of
// the port that they left: neither may payloads take a last resort, nor leave a port that is free.
TEST(PortUse, AProbeThatIsSentOnSpeaksForThePortThatItLeft) {
  for (const int held_port : {0, 1}) {
    const auto net = WithUse(PortUse::kLastResort);
    std::vector<Seen> held;
    net->Filter([&](const Seen& one) {
      const bool holds = one.from_node == 1 && one.from_port == held_port && IsProbe(one);
      if (holds) held.push_back(one);
      return !holds;
    });
    size_t sent_on = 0;
    for (int i = 0; i < 3000; ++i) {
      net->Run(20ms);
      for (const Seen& one : std::exchange(held, {})) {
        net->Inject(0, 0, net->EndpointOf(1, 1 - held_port), one.datagram);
        ++sent_on;
      }
      net->Run(20ms);
      ASSERT_EQ(net->Path(0, 0, 1, 0).use, PortUse::kFree) << held_port;
      ASSERT_EQ(net->Path(0, 0, 1, 1).use, PortUse::kLastResort) << held_port;
    }
    EXPECT_GT(sent_on, 4u);
  }
}

// Nor does it stick to a path that turns out to lead elsewhere.
TEST(PortUse, APathThatLeadsToAnotherPortIsUsedAsThatOneWants) {
  const auto net = WithUse(PortUse::kLastResort);
  std::vector<Seen> held;
  net->Cut(1, 0);
  ASSERT_TRUE(net->RunUntil([&] { return net->ActivePaths(0, 1) == 1; }, 15s));
  net->Filter([&](const Seen& one) {
    const bool holds = one.from_node == 1 && one.from_port == 1 && IsProbe(one);
    if (holds) held.push_back(one);
    return !holds;
  });
  for (int i = 0; i < 1000 && held.empty(); ++i) net->Run(20ms);
  ASSERT_FALSE(held.empty());
  net->Inject(0, 0, net->EndpointOf(1, 0), held[0].datagram);
  net->Run(20ms);
  // It says so by an answer alone.
  net->Filter(
      [](const Seen& one) { return one.from_node != 1 || one.from_port != 0 || !IsProbe(one); });
  net->Restore(1, 0);
  ASSERT_TRUE(
      net->RunUntil([&] { return net->Path(0, 0, 1, 0).state == PathState::kActive; }, 15s));
  EXPECT_EQ(net->Path(0, 0, 1, 0).use, PortUse::kFree);
  EXPECT_EQ(net->Path(0, 0, 1, 1).use, PortUse::kLastResort);
}

// Nothing is left by which anybody could be reached, and nothing is sent.
TEST(PortUse, ANodeWhoseOnlyPortStopsIsSilent) {
  VirtualNet net({.ports = {1, 1}});
  net.Introduce(0, 1);
  net.Run(5s);
  net.UsePort(1, 0, PortUse::kNone);
  net.Run(1s);
  const uint64_t sent = net.Sent(1);
  net.Run(300s);
  EXPECT_EQ(net.Sent(1), sent);
  net.UsePort(1, 0, PortUse::kFree);
  EXPECT_TRUE(net.RunUntil([&] { return net.ActivePaths(0, 1) == 1; }, 30s));
}

}  // namespace
}  // namespace warp::protocol
