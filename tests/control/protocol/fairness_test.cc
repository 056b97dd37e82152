// Who asks for much, or first, does not take what others need: the peers of a node share what it sends to endpoints
// that have not answered.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <vector>

#include "control/protocol/control_message.h"
#include "control/protocol/node/unanswered_budget.h"
#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

using wire::Endpoint;
using wire::IpAddress;

// Node 0 has eight ports, and each of its peers has one: eight paths to each.
constexpr int kReturning = 1;
constexpr int kNew = 2;
constexpr int kFirstOfCrowd = 3;

class Crowd {
 public:
  // All of the crowd, and the one that will return, were there once and have been dead for so long. With `payloads`,
  // the applications have not noticed.
  Crowd(int size, bool payloads, Duration dead) : net_({.ports = Ports(size)}) {
    Meet(kReturning);
    for (int n = 0; n < size; ++n) Meet(kFirstOfCrowd + n);
    net_.Run(2s);
    for (int n = 0; n < size; ++n) net_.Kill(kFirstOfCrowd + n);
    net_.Kill(kReturning);
    for (const Instant end = net_.now() + dead; net_.now() < end;) {
      for (int n = 0; payloads && n < size; ++n) net_.Send(0, kFirstOfCrowd + n, "x");
      net_.Run(100ms);
    }
  }

  Duration UntilReturned() {
    EXPECT_FALSE(AllActive(kReturning));
    net_.Start(kReturning);
    return Until(kReturning);
  }
  // It is named at node 0 and waits to be called.
  Duration UntilNewIsThere() {
    net_.AddPeer(kNew, 0, false);
    net_.AddPeer(0, kNew);
    return Until(kNew);
  }

 private:
  static std::vector<int> Ports(int size) {
    std::vector<int> ports(static_cast<size_t>(kFirstOfCrowd + size), 1);
    ports[0] = 8;
    return ports;
  }
  void Meet(int n) {
    net_.Introduce(0, n);
    EXPECT_TRUE(net_.RunUntil([&] { return AllActive(n); }, 2s)) << n;
  }
  bool AllActive(int n) {
    const auto& paths = net_.Forwarding(0, n).paths;
    return paths.size() == 8 && std::all_of(paths.begin(), paths.end(), [](const PathStatus& path) {
             return path.state == PathState::kActive;
           });
  }
  Duration Until(int n) {
    const Instant start = net_.now();
    EXPECT_TRUE(net_.RunUntil([&] { return AllActive(n); }, 10s));
    return net_.now() - start;
  }

  VirtualNet net_;
};

size_t TakeAll(UnansweredBudget::Share& share, Instant now, UnansweredBudget::Use use, bool heard) {
  size_t taken = 0;
  while (share.Take(now, use, heard)) ++taken;
  return taken;
}

TEST(UnansweredBudget, WhoAsksForMuchLeavesTheRestToOthers) {
  using Use = UnansweredBudget::Use;
  const Instant now{10s};
  UnansweredBudget budget;
  UnansweredBudget::Share greedy(budget);
  UnansweredBudget::Share quiet(budget);
  UnansweredBudget::Share fresh(budget);
  EXPECT_EQ(TakeAll(greedy, now, Use::kProbe, true), kUnansweredBurst / 2);
  EXPECT_EQ(TakeAll(greedy, now, Use::kFirstProbe, true), kUnansweredBurst / 16);
  EXPECT_EQ(TakeAll(greedy, now, Use::kContact, true), kUnansweredShareHeard / 4)
      << "kept from its probes";
  EXPECT_EQ(TakeAll(quiet, now, Use::kLearned, false), kUnansweredShare / 2);
  EXPECT_EQ(TakeAll(quiet, now, Use::kProbe, false), kUnansweredShare / 4);
  EXPECT_EQ(TakeAll(quiet, now, Use::kContact, false), kUnansweredShare / 4);
  EXPECT_EQ(TakeAll(quiet, now, Use::kContact, true), kUnansweredShareHeard - kUnansweredShare);

  // What is left goes by parts: to those who have something of their share, to those who are heard, to the first.
  std::vector<std::unique_ptr<UnansweredBudget::Share>> many;
  const auto another = [&]() -> UnansweredBudget::Share& {
    return *many.emplace_back(std::make_unique<UnansweredBudget::Share>(budget));
  };
  while (TakeAll(another(), now, Use::kContact, false) > 1) {
  }
  EXPECT_FALSE(fresh.Take(now, Use::kProbe, false)) << "a quarter is left";
  EXPECT_EQ(TakeAll(another(), now, Use::kProbe, true), kUnansweredShareHeard * 3 / 4);
  while (TakeAll(another(), now, Use::kContact, true) > 1) {
  }
  EXPECT_FALSE(fresh.Take(now, Use::kProbe, true)) << "an eighth is left";
  EXPECT_EQ(TakeAll(fresh, now, Use::kContact, false), 1u);
}

TEST(UnansweredBudget, SharesAreWholeAgainAtHalfOfTheRate) {
  using Use = UnansweredBudget::Use;
  Instant now{10s};
  UnansweredBudget budget;
  std::vector<std::unique_ptr<UnansweredBudget::Share>> crowd;
  for (int i = 0; i < 120; ++i) crowd.push_back(std::make_unique<UnansweredBudget::Share>(budget));
  UnansweredBudget::Share quiet(budget);
  const auto ask = [&](Duration duration) {
    size_t taken = 0;
    for (const Instant end = now + duration; now < end; now += 1ms) {
      for (const auto& share : crowd) taken += TakeAll(*share, now, Use::kContact, false);
    }
    return taken;
  };
  ask(5s);
  EXPECT_NEAR(static_cast<double>(ask(10s)), 10.0 * kUnansweredPerSecond, 10)
      << "nothing is wasted";
  EXPECT_EQ(TakeAll(quiet, now, Use::kContact, false), kUnansweredShare);
  EXPECT_EQ(TakeAll(quiet, now, Use::kContact, true), kUnansweredShareHeard - kUnansweredShare);
  // With fewer peers a share is paid back sooner.
  crowd.clear();
  now += 200ms;
  EXPECT_GE(TakeAll(quiet, now, Use::kContact, true), kUnansweredShareHeard);
}

TEST(Fairness, DeadPeersDelayNeitherAReturningNorANewOne) {
  for (const int size : {0, 40, 120}) {
    for (const bool payloads : {true, false}) {
      for (const Duration dead : {4000ms, 8000ms}) {
        SCOPED_TRACE(testing::Message()
                     << size << " dead for " << dead / 1ms << " ms, payloads " << payloads);
        Crowd crowd(size, payloads, dead);
        EXPECT_LE(crowd.UntilReturned(), 60ms);
        EXPECT_LE(crowd.UntilNewIsThere(), 60ms);
      }
    }
  }
}

// The peers have four ports each, as node 0 has, and of the sixteen paths to each of them four lead anywhere. Returns
// the time until all of those work. `told`: node 0 knows the peers' endpoints, and need not learn them.
Duration UntilAllWork(int peers, bool told) {
  VirtualNet net({.ports = std::vector<int>(static_cast<size_t>(peers) + 1, 4)});
  net.Filter([](const Seen& seen) {
    // A port's address is 10.node.port.1.
    return seen.to.address.v4_bytes()[2] == seen.from_port;
  });
  const Instant start = net.now();
  for (int n = 1; n <= peers; ++n) {
    net.AddPeer(0, n, told);
    net.AddPeer(n, 0);
  }
  const auto all_work = [&] {
    for (int n = 1; n <= peers; ++n) {
      const auto& paths = net.Forwarding(0, n).paths;
      if (std::count_if(paths.begin(), paths.end(), [](const PathStatus& path) {
            return path.state == PathState::kActive;
          }) != 4) {
        return false;
      }
    }
    return true;
  };
  EXPECT_TRUE(net.RunUntil(all_work, 30s));
  return net.now() - start;
}

// There are 3,200 paths to try at a thousand a second, and a thousand at once.
TEST(Fairness, EveryPathIsTriedBeforeOneIsTriedAgain) {
  for (const bool told : {true, false}) EXPECT_LE(UntilAllWork(200, told), 4s) << told;
}

// Node 0 has four ports. Node 1 names 48 endpoints at which nobody answers, and sends probes from all of them, each of
// which asks for a probe in return: 10,000 a second.
class Greedy {
 public:
  static constexpr int kGreedy = 1;
  static constexpr int kHonest = 2;

  Greedy() {
    net_.Introduce(0, kGreedy);
    net_.Introduce(0, kHonest);
    net_.Run(2s);
    for (const uint32_t map : {0u, 1u, 2u}) {
      std::vector<Endpoint> of_map;
      for (uint8_t i = 0; i < kMaxEndpoints; ++i)
        of_map.push_back({IpAddress::V4({198, 51, static_cast<uint8_t>(map), i}), 53});
      net_.node(0).SetPeerEndpoints(net_.now(), 0, EndpointSource::kMap, of_map, map);
      endpoints_.insert(endpoints_.end(), of_map.begin(), of_map.end());
    }
    EXPECT_EQ(net_.Peer(0, kGreedy).paths.size(), 4u * 49);
  }

  // Goes on until the condition holds.
  Duration Ask(const std::function<bool()>& condition, Duration most) {
    const Instant start = net_.now();
    while (!condition() && net_.now() < start + most) {
      net_.Send(0, kGreedy, "x");
      for (int i = 0; i < 10; ++i, ++asked_) {
        net_.Inject(0, asked_ % 4, endpoints_[static_cast<size_t>(asked_) / 4 % endpoints_.size()],
                    Probe());
      }
      net_.RunUntil(condition, 1ms);
    }
    return net_.now() - start;
  }
  void AskFor(Duration duration) {
    Ask([] { return false; }, duration);
  }
  size_t ActivePaths(int n) {
    const auto& paths = net_.Forwarding(0, n).paths;
    return static_cast<size_t>(
        std::count_if(paths.begin(), paths.end(),
                      [](const PathStatus& path) { return path.state == PathState::kActive; }));
  }
  VirtualNet& net() { return net_; }

 private:
  std::vector<uint8_t> Probe() {
    const protocol::Probe probe{.port = 0, .number = net_.node(kGreedy).identity().NextTimestamp()};
    const auto& send = net_.Forwarding(kGreedy, 0).send;
    return send
        ->Seal(net_.now(), net_.node(kGreedy).identity().engine(), EncodeControlMessage(probe))
        .value();
  }

  VirtualNet net_{{.ports = {4, 1, 1}}};
  std::vector<Endpoint> endpoints_;
  int asked_ = 0;
};

TEST(Fairness, PeerOfManyEndpointsDelaysNoOther) {
  Greedy greedy;
  greedy.net().Kill(Greedy::kHonest);
  greedy.AskFor(4s);
  greedy.net().Start(Greedy::kHonest);
  const auto returned = [&] { return greedy.ActivePaths(Greedy::kHonest) == 4; };
  EXPECT_LE(greedy.Ask(returned, 10s), 40ms);
}

TEST(Fairness, PeerOfManyEndpointsHasItsBestPathBackAtOnce) {
  Greedy greedy;
  const auto back = [&] { return greedy.ActivePaths(Greedy::kGreedy) > 0; };
  for (int round = 0; round < 8; ++round) {
    greedy.net().Cut(Greedy::kGreedy, 0);
    greedy.AskFor(2s + round * 50ms);
    EXPECT_EQ(greedy.ActivePaths(Greedy::kGreedy), 0u);
    greedy.net().Restore(Greedy::kGreedy, 0);
    EXPECT_LE(greedy.Ask(back, 10s), 500ms) << round;
  }
}

// A peer that probes faster than anybody could send the answers has no answers to some, and delays nobody.
TEST(Fairness, ProbesWithoutEndLeaveRoomInTheOutbox) {
  VirtualNet net({.ports = {2, 1, 1}});
  net.Introduce(0, 1);
  net.AddPeer(2, 0, false);
  net.Run(2s);
  const Arrival arrival{
      .port = 0, .from = net.EndpointOf(1, 0), .to = net.EndpointOf(0, 0).address};
  const std::shared_ptr<wire::Session> session = net.Forwarding(0, 1).send;
  for (size_t i = 0; i < kMaxTransmits; ++i) {
    const auto probe = EncodeControlMessage(
        Probe{.port = 0, .number = net.node(1).identity().NextTimestamp(), .unheard = true});
    net.node(0).HandleControl(net.now(), {arrival, session.get(), 1'000'000 + i, probe});
  }
  net.AddPeer(0, 2);
  net.node(0).HandleTimeout(net.now());
  EXPECT_TRUE(net.RunUntil([&] { return net.Connected(0, 2); }, 50ms));
  EXPECT_GT(net.Drops(0, wire::Drop::kTxFull), kMaxTransmits / 4);
}

}  // namespace
}  // namespace warp::protocol
