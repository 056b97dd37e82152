// What a node tells the peers that spread payloads to it of how much may come in by its ports.
#include <gtest/gtest.h>

#include <algorithm>

#include "dataplane/wire/handshake/introduction.h"
#include "dataplane/wire/message.h"
#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

constexpr uint64_t kRate = 50'000'000;

// Limits of one port. Payloads are larger here.
bool IsLimits(const Seen& seen) { return IsSealedOf(seen, 9); }

// Node 0 spreads to node 1, which lets 50 Mbit/s come in by its port.
std::unique_ptr<VirtualNet> Limited(NetOptions options = {}) {
  auto net = std::make_unique<VirtualNet>(std::move(options));
  net->LimitPort(1, 0, kRate);
  net->Introduce(0, 1);
  net->SetSpreads(0, 1, true);
  net->Run(1s);
  return net;
}

// Sends from each of the nodes to `to`.
void Flow(VirtualNet& net, std::vector<int> from, int to, Duration duration) {
  const Instant end = net.now() + duration;
  while (net.now() < end) {
    for (const int node : from) net.Send(node, to, std::string(400, 'x'));
    net.Run(2ms);
  }
}

uint32_t ToldRate(VirtualNet& net, int from, int to) {
  // The workers' view is what spreading goes by.
  uint32_t rate = 0;
  for (const PathStatus& path : net.Forwarding(from, to).paths) rate = path.told_rate;
  EXPECT_EQ(rate, net.Path(from, 0, to, 0).told_rate);
  return rate;
}

TEST(Limits, AreToldToThoseWhoSpread) {
  const auto net = Limited();
  EXPECT_EQ(ToldRate(*net, 0, 1), 0u);
  net->Record(true);
  Flow(*net, {0}, 1, 200ms);
  EXPECT_EQ(ToldRate(*net, 0, 1), 50'000u);
  EXPECT_EQ(ToldRate(*net, 1, 0), 0u);
  Flow(*net, {0}, 1, 10s);
  const std::vector<Seen> seen = net->TakeSeen();
  // Some feedback goes over all paths, of which there is one.
  EXPECT_NEAR(static_cast<double>(std::count_if(seen.begin(), seen.end(), IsLimits)), 11, 1);
  // Without payloads there is nothing to bound.
  net->Run(3s);
  net->TakeSeen();
  net->Run(10s);
  const std::vector<Seen> later = net->TakeSeen();
  EXPECT_EQ(std::count_if(later.begin(), later.end(), IsLimits), 0);
}

TEST(Limits, AreForThoseWhoAskForFeedback) {
  const auto net = Limited();
  net->SetSpreads(0, 1, false);
  net->Run(1s);
  net->Record(true);
  Flow(*net, {0}, 1, 2s);
  const std::vector<Seen> seen = net->TakeSeen();
  EXPECT_EQ(std::count_if(seen.begin(), seen.end(), IsLimits), 0);
  EXPECT_EQ(ToldRate(*net, 0, 1), 0u);
}

TEST(Limits, AreForThoseWhoUnderstandThem) {
  VirtualNet net({});
  net.SetFeatures(0, wire::kFeatureFeedback);
  net.LimitPort(1, 0, kRate);
  net.Introduce(0, 1);
  net.SetSpreads(0, 1, true);
  net.Run(1s);
  net.Record(true);
  Flow(net, {0}, 1, 2s);
  const std::vector<Seen> seen = net.TakeSeen();
  EXPECT_EQ(std::count_if(seen.begin(), seen.end(), IsLimits), 0);
  EXPECT_EQ(net.Drops(0, wire::Drop::kUnknownKind), 0u);
}

TEST(Limits, AreRepeatedWhereOneWasLost) {
  const auto net = Limited();
  int lost = 0;
  net->Filter([&](const Seen& seen) { return !IsLimits(seen) || ++lost > 2; });
  Flow(*net, {0}, 1, 1900ms);
  EXPECT_EQ(lost, 2);
  EXPECT_EQ(ToldRate(*net, 0, 1), 0u);
  Flow(*net, {0}, 1, 400ms);
  EXPECT_EQ(ToldRate(*net, 0, 1), 50'000u);
}

TEST(Limits, AreToldAtOnceInTheNextSession) {
  const auto net = Limited({.timers = {{.rekey_after = 3s}}});
  const wire::Session* const first = net->Peer(0, 1).session.get();
  const uint32_t index = first->local_index();
  net->Filter([&](const Seen& seen) {
    return !IsLimits(seen) || wire::ReadDataHeader(seen.datagram)->receiver_index != index;
  });
  while (net->Peer(0, 1).session.get() == first) Flow(*net, {0}, 1, 10ms);
  Flow(*net, {0}, 1, 150ms);
  EXPECT_EQ(ToldRate(*net, 0, 1), 50'000u);
}

TEST(Limits, HoldInAllSessionsOfALife) {
  const auto net = Limited({.timers = {{.rekey_after = 3s}}});
  const wire::Session* const first = net->Peer(0, 1).session.get();
  Flow(*net, {0}, 1, 1s);
  net->Filter([&](const Seen& seen) { return !IsLimits(seen); });
  while (net->Peer(0, 1).session.get() == first) Flow(*net, {0}, 1, 10ms);
  Flow(*net, {0}, 1, 1s);
  EXPECT_EQ(ToldRate(*net, 0, 1), 50'000u);
}

TEST(Limits, AreTakenBack) {
  const auto net = Limited();
  Flow(*net, {0}, 1, 200ms);
  net->LimitPort(1, 0, 0);
  Flow(*net, {0}, 1, 200ms);
  EXPECT_EQ(ToldRate(*net, 0, 1), 0u);
}

TEST(Limits, OfAnEarlierLifeAreForgotten) {
  const auto net = Limited();
  Flow(*net, {0}, 1, 200ms);
  EXPECT_EQ(ToldRate(*net, 0, 1), 50'000u);
  net->LimitPort(1, 0, 0);
  const wire::Session* const first = net->Peer(0, 1).session.get();
  net->Restart(1);
  ASSERT_TRUE(net->RunUntil(
      [&] {
        const PeerStatus peer = net->Peer(0, 1);
        return peer.connected && peer.session.get() != first;
      },
      60s));
  EXPECT_EQ(ToldRate(*net, 0, 1), 0u);
}

TEST(Limits, AreDividedAmongThoseWhoSend) {
  VirtualNet net({.ports = {1, 1, 1, 1}});
  net.LimitPort(2, 0, kRate);
  for (const int node : {0, 1, 3}) net.Introduce(node, 2);
  for (const int node : {0, 1}) net.SetSpreads(node, 2, true);
  net.Run(1s);
  Flow(net, {0}, 2, 200ms);
  EXPECT_EQ(ToldRate(net, 0, 2), 50'000u);
  // The third replicates: it is not told, and so nothing is kept for it.
  Flow(net, {0, 1, 3}, 2, 1s);
  EXPECT_EQ(ToldRate(net, 0, 2), 25'000u);
  EXPECT_EQ(ToldRate(net, 1, 2), 25'000u);
  EXPECT_EQ(ToldRate(net, 3, 2), 0u);
  Flow(net, {0}, 2, 2s);
  EXPECT_EQ(ToldRate(net, 0, 2), 25'000u);
  Flow(net, {0}, 2, 2s);
  EXPECT_EQ(ToldRate(net, 0, 2), 50'000u);
}

// One that is removed has no part any more.
TEST(Limits, AreNotKeptForAPeerThatIsGone) {
  VirtualNet net({.ports = {1, 1, 1}});
  net.LimitPort(2, 0, kRate);
  net.Introduce(0, 2);
  net.AddPeer(1, 2);
  const PeerId second = net.AddPeer(2, 1);
  for (const int node : {0, 1}) net.SetSpreads(node, 2, true);
  net.Run(1s);
  Flow(net, {0, 1}, 2, 1s);
  EXPECT_EQ(ToldRate(net, 0, 2), 25'000u);
  net.node(2).RemovePeer(net.now(), second);
  Flow(net, {0}, 2, 300ms);
  EXPECT_EQ(ToldRate(net, 0, 2), 50'000u);
}

}  // namespace
}  // namespace warp::protocol
