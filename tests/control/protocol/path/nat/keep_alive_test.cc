// NATs that forget who is silent for too long: how sparsely idle paths are probed, and that nothing is lost by it.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

using wire::Endpoint;

// NATs before ports, which let in only whom the port has written to, as long as something has passed since.
class Nats {
 public:
  explicit Nats(VirtualNet& net) : net_(net) {
    net.Filter([this](const Seen& seen) { return Passes(seen); });
  }
  void Put(int n, int port, Duration lifetime) { lifetimes_[{n, port}] = lifetime; }
  size_t refused() const { return refused_; }

 private:
  using Port = std::pair<int, int>;

  bool Passes(const Seen& seen) {
    const Port from{seen.from_node, seen.from_port};
    if (lifetimes_.contains(from)) mappings_[from][seen.to] = seen.sent;
    for (const auto& [port, lifetime] : lifetimes_) {
      if (net_.EndpointOf(port.first, port.second) != seen.to) continue;
      const auto known = mappings_[port].find(seen.from);
      if (known == mappings_[port].end() || seen.sent - known->second >= lifetime) {
        ++refused_;
        return false;
      }
      known->second = seen.sent;
    }
    return true;
  }

  VirtualNet& net_;
  std::map<Port, Duration> lifetimes_;
  std::map<Port, std::map<Endpoint, Instant>> mappings_;
  size_t refused_ = 0;
};

// Both end's probes of an hour.
size_t ProbesOfAnHour(VirtualNet& net) {
  net.Record(true);
  net.Run(1h);
  const std::vector<Seen> seen = net.TakeSeen();
  net.Record(false);
  return static_cast<size_t>(std::count_if(seen.begin(), seen.end(), IsProbe));
}

// Hours in which now and then one end has something to say, and all of it arrives.
void ExpectThatWordsArrive(VirtualNet& net, int hours) {
  std::set<std::string> said;
  std::mt19937_64 random(7);
  for (Duration end = hours * Duration(1h); end > 0s;) {
    const Duration pause = 1ms * static_cast<int64_t>(random() % 300'000);
    net.Run(pause);
    end -= pause;
    const int from = static_cast<int>(random() % 2);
    const std::string word = "word" + std::to_string(said.size());
    ASSERT_TRUE(net.Send(from, 1 - from, word));
    said.insert(word);
    net.Run(100ms);
    ASSERT_EQ(net.TakeReceived(1 - from), std::vector{word}) << net.now().time_since_epoch() / 1s;
  }
  EXPECT_GT(said.size(), 20u);
}

TEST(KeepAlive, SilencesGrowToTheLongestWhereThereIsNoNat) {
  VirtualNet net({.ports = {2, 2}});
  net.Introduce(0, 1);
  const size_t first = ProbesOfAnHour(net);
  const size_t second = ProbesOfAnHour(net);
  // Each 120 s a rekey costs a probe of both ends. Between them go 3 paths with 30 s and the anchor with 13 s: 637
  // probes. Each end by itself would probe four paths 1,440 times each.
  EXPECT_LT(second, 900u) << first;
  EXPECT_LT(first, 3000u);
  std::vector<Duration> silences;
  for (const PathStatus& path : net.Peer(0, 1).paths) silences.push_back(path.silence);
  std::sort(silences.begin(), silences.end());
  EXPECT_EQ(silences, (std::vector<Duration>{13s, 30s, 30s, 30s}));
  EXPECT_EQ(net.ActivePaths(0, 1), 4u);
  EXPECT_EQ(net.ActivePaths(1, 0), 4u);
}

TEST(KeepAlive, ANatOfThirtySecondsIsKeptOpenByLessThanThat) {
  for (const uint64_t seed : {1, 2, 3, 4}) {
    VirtualNet net({.ports = {2, 2}, .seed = seed});
    Nats nats(net);
    for (const int port : {0, 1}) nats.Put(0, port, 30s);
    net.Introduce(0, 1);
    // It is found out at a time, without anybody taking a path for dead.
    for (int i = 0; i < 36'000; ++i) {
      net.Run(100ms);
      if (i < 50) continue;
      ASSERT_EQ(net.ActivePaths(0, 1), 4u) << i;
      ASSERT_EQ(net.ActivePaths(1, 0), 4u) << i;
    }
    const size_t refused = nats.refused();
    EXPECT_GT(refused, 0u) << "it was tried";
    const size_t probes = ProbesOfAnHour(net);
    EXPECT_LT(probes, 2000u);
    EXPECT_GT(probes, 4u * 3600 / 20);
    ExpectThatWordsArrive(net, 3);
  }
}

TEST(KeepAlive, NatsAtBothEndsOneOfFiveSecondsLoseNothing) {
  VirtualNet net({.ports = {2, 2}});
  Nats nats(net);
  nats.Put(0, 0, 5s);
  nats.Put(0, 1, 60s);
  nats.Put(1, 0, 120s);
  net.Introduce(0, 1);
  ExpectThatWordsArrive(net, 5);
}

TEST(KeepAlive, ANatWhoseLifetimeShrinksIsFollowed) {
  VirtualNet net({.ports = {2, 2}});
  Nats nats(net);
  for (const int port : {0, 1}) nats.Put(0, port, 300s);
  net.Introduce(0, 1);
  net.Run(2h);
  for (const int port : {0, 1}) nats.Put(0, port, 15s);
  net.Run(10min);
  const size_t before = nats.refused();
  ExpectThatWordsArrive(net, 3);
  EXPECT_LT(nats.refused() - before, 60u) << "an hour later longer ones are tried again";
}

// Now and then it forgets all, whatever it let pass before.
TEST(KeepAlive, ANatThatLiesCostsNoPayloadOfTheOtherLink) {
  for (const uint64_t seed : {1, 2, 3}) {
    VirtualNet net({.ports = {2, 2}, .seed = seed});
    Nats nats(net);
    nats.Put(0, 0, 100s);
    nats.Put(0, 1, 100s);
    net.Introduce(0, 1);
    net.Run(1h);
    std::mt19937_64 random(seed);
    for (int i = 0; i < 200; ++i) {
      // What the other link's NAT lets pass it goes on letting pass.
      nats.Put(0, 0, random() % 2 == 0 ? 100s : 7s);
      net.Run(1ms * static_cast<int64_t>(random() % 100'000));
      ASSERT_TRUE(net.Send(1, 0, "word"));
      net.Run(100ms);
      ASSERT_EQ(net.TakeReceived(0).size(), 1u);
    }
  }
}

TEST(KeepAlive, OneLinkAloneIsNotTriedOut) {
  VirtualNet net({.ports = {1, 1}});
  Nats nats(net);
  nats.Put(0, 0, 10s);
  net.Introduce(0, 1);
  ExpectThatWordsArrive(net, 3);
  EXPECT_EQ(nats.refused(), 0u);
}

// Payloads hasten the probes, however long the silence was.
TEST(KeepAlive, ALinkThatDiedInALongSilenceIsMissedSoonWhenPayloadsFlow) {
  VirtualNet net({.ports = {2, 2}});
  net.Introduce(0, 1);
  net.Run(1h);
  net.Cut(0, 1);
  net.Talk(0, 1);
  EXPECT_TRUE(net.RunUntil([&] { return net.ActivePaths(0, 1) == 2 && net.ActivePaths(1, 0) == 2; },
                           1500ms));
  net.Restore(0, 1);
  EXPECT_TRUE(
      net.RunUntil([&] { return net.ActivePaths(0, 1) == 4 && net.ActivePaths(1, 0) == 4; }, 1s));
}

TEST(KeepAlive, APeerThatDiesInSilenceIsMissedByTheAnchor) {
  VirtualNet net({.ports = {2, 2}});
  net.Introduce(0, 1);
  net.Run(1h);
  net.Kill(1);
  EXPECT_TRUE(net.RunUntil([&] { return !net.Connected(0, 1); }, 30s));
}

// Somebody on one link passes on every second probe of it as one of another link, and keeps it from where it was to go.
// What it says of silence is said of the other link then, which nobody probes.
TEST(KeepAlive, ProbesOfOneLinkDoNotSilenceAnother) {
  VirtualNet net({.ports = {2, 2}});
  net.Introduce(0, 1);
  net.Run(1h);
  std::vector<Seen> taken;
  int probes = 0;
  Instant last = net.now();
  Duration longest{0};
  net.Filter([&](const Seen& seen) {
    const int to = 1 - seen.from_node;
    if (seen.from_port == 1 && seen.to == net.EndpointOf(to, 1)) {
      longest = std::max(longest, seen.sent - last);
      last = seen.sent;
    }
    const bool here = seen.from_port == 0 && seen.to == net.EndpointOf(to, 0);
    if (!here || !IsProbe(seen) || ++probes % 2 == 0) return true;
    taken.push_back(seen);
    return false;
  });
  for (int i = 0; i < 36'000; ++i) {
    net.Run(100ms);
    for (const Seen& seen : std::exchange(taken, {})) {
      net.Inject(1 - seen.from_node, 1, net.EndpointOf(seen.from_node, 1), seen.datagram);
    }
  }
  EXPECT_GT(probes, 100);
  EXPECT_LT(longest, 35s);
}

}  // namespace
}  // namespace warp::protocol
