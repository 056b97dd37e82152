// Feedback to a peer that spreads its payloads: who gets it, how often, what it says and what it costs.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "dataplane/wire/message.h"
#include "tests/control/protocol/virtual_net.h"

namespace warp::protocol {
namespace {

using Told = VirtualNet::Told;

// Two connected nodes; node 0 spreads.
std::unique_ptr<VirtualNet> Spreading(NetOptions options = {}, bool spreads = true) {
  auto net = std::make_unique<VirtualNet>(std::move(options));
  net->Introduce(0, 1);
  if (spreads) net->SetSpreads(0, 1, true);
  net->Run(1s);
  net->TakeFeedback(0);
  return net;
}

// One that tells of one path, in a net of two ports. Nothing else that is sealed has its size there.
bool IsFeedback(const Seen& seen) { return seen.type() == 1 && seen.datagram.size() >= 74; }

uint64_t CounterOf(const Seen& seen) { return wire::ReadDataHeader(seen.datagram)->counter; }

// What the bitmaps say of the counters that they name.
void Read(const std::vector<Told>& told, std::set<uint64_t>* delivered,
          std::set<uint64_t>* missing) {
  for (const Told& one : told) {
    for (size_t bit = 0; bit < one.feedback.words.size() * kFeedbackWord; ++bit) {
      const bool set = (one.feedback.words[bit / kFeedbackWord] >> bit % kFeedbackWord & 1) != 0;
      (set ? delivered : missing)->insert(one.feedback.base + bit);
    }
  }
}

// Sends from node 0 payloads of this size, one each interval.
void Flow(VirtualNet& net, size_t size, Duration interval, Duration duration) {
  const Instant end = net.now() + duration;
  while (net.now() < end) {
    net.Send(0, 1, std::string(size, 'x'));
    net.Run(interval);
  }
}

TEST(Feedback, IsForThoseWhoAsk) {
  const auto net = Spreading({}, /*spreads=*/false);
  net->Talk(0, 1);
  net->Run(2s);
  EXPECT_TRUE(net->TakeFeedback(0).empty());
  EXPECT_TRUE(net->TakeFeedback(1).empty());
  // A probe says so at once, long before the next one would be due.
  net->SetSpreads(0, 1, true);
  net->Run(100ms);
  EXPECT_FALSE(net->TakeFeedback(0).empty());
  net->SetSpreads(0, 1, false);
  net->Run(20ms);
  net->TakeFeedback(0);
  net->Run(2s);
  EXPECT_TRUE(net->TakeFeedback(0).empty());
  EXPECT_TRUE(net->TakeFeedback(1).empty());
}

TEST(Feedback, SaysWhenTheNewestCameAndHowMuch) {
  const auto net = Spreading();
  net->Record(true);
  Flow(*net, 100, 5ms, 1s);
  const std::vector<Told> told = net->TakeFeedback(0);
  ASSERT_GT(told.size(), 10u);
  std::map<uint64_t, Instant> sent;
  for (const Seen& seen : net->TakeSeen()) {
    if (seen.from_node == 0 && seen.type() == 1) sent[CounterOf(seen)] = seen.sent;
  }
  uint32_t packets = 0;
  for (size_t i = 0; i < told.size(); ++i) {
    const Feedback& feedback = told[i].feedback;
    EXPECT_EQ(told[i].session, net->Peer(0, 1).session.get());
    EXPECT_EQ(feedback.number, static_cast<uint16_t>(told[0].feedback.number + i));
    ASSERT_EQ(feedback.paths.size(), 1u);
    const PathFeedback& path = feedback.paths[0];
    EXPECT_EQ(path.from, 0);
    EXPECT_EQ(path.to, 0);
    // A link takes 5 ms. Both clocks are one here, so that the time of arrival is known.
    const auto arrived = Instant(std::chrono::microseconds(feedback.time - path.age));
    ASSERT_TRUE(sent.contains(path.newest));
    EXPECT_EQ(arrived - sent[path.newest], 5ms);
    EXPECT_EQ(told[i].when - Instant(std::chrono::microseconds(feedback.time)), 5ms);
    EXPECT_GE(path.packets, packets);
    packets = path.packets;
  }
  EXPECT_NEAR(packets, 200, 3);
}

TEST(Feedback, NamesWhatWasLost) {
  const auto net = Spreading();
  std::set<uint64_t> lost;
  std::set<uint64_t> passed;
  int payloads = 0;
  net->Filter([&](const Seen& seen) {
    if (seen.from_node != 0 || seen.datagram.size() != 136) return true;
    const bool passes = ++payloads % 7 != 0;
    (passes ? passed : lost).insert(CounterOf(seen));
    return passes;
  });
  Flow(*net, 100, 1ms, 2s);
  net->Run(1s);
  std::set<uint64_t> delivered;
  std::set<uint64_t> missing;
  Read(net->TakeFeedback(0), &delivered, &missing);
  ASSERT_GT(lost.size(), 200u);
  for (const uint64_t counter : lost) {
    EXPECT_FALSE(delivered.contains(counter)) << counter;
    EXPECT_TRUE(missing.contains(counter)) << counter;
  }
  for (const uint64_t counter : passed) EXPECT_TRUE(delivered.contains(counter)) << counter;
}

TEST(Feedback, NamesAgainWhatALostOneNamed) {
  const auto net = Spreading();
  int feedbacks = 0;
  std::set<uint64_t> passed;
  net->Filter([&](const Seen& seen) {
    if (seen.from_node == 0 && seen.datagram.size() == 136) passed.insert(CounterOf(seen));
    return !IsFeedback(seen) || seen.from_node == 0 || ++feedbacks % 3 == 0;
  });
  Flow(*net, 100, 2ms, 2s);
  net->Run(1s);
  std::set<uint64_t> delivered;
  std::set<uint64_t> missing;
  Read(net->TakeFeedback(0), &delivered, &missing);
  EXPECT_GT(feedbacks, 30);
  ASSERT_GT(passed.size(), 900u);
  passed.erase(passed.begin(), std::next(passed.begin(), 50));
  for (const uint64_t counter : passed) EXPECT_TRUE(delivered.contains(counter)) << counter;
}

TEST(Feedback, ComesAsOftenAsTheRateWants) {
  const struct {
    size_t size;
    Duration interval;
    Duration expected;
  } kRates[] = {
      {100, 5ms, 50ms},     // 0.2 Mbit/s
      {1250, 1ms, 20ms},    // 10 Mbit/s
      {1250, 250us, 10ms},  // 40 Mbit/s
  };
  for (const auto& rate : kRates) {
    const auto net = Spreading();
    Flow(*net, rate.size, rate.interval, 500ms);
    net->TakeFeedback(0);
    Flow(*net, rate.size, rate.interval, 1s);
    const auto expected = static_cast<size_t>(1s / rate.expected);
    const size_t told = net->TakeFeedback(0).size();
    EXPECT_LE(told, expected + 1);
    EXPECT_GE(told, expected * 3 / 4);  // the slowest has not the bytes for more
  }
}

TEST(Feedback, FollowsTheLastPayloadThreeTimes) {
  const auto net = Spreading();
  Flow(*net, 100, 5ms, 500ms);
  const Instant last = net->now() - 5ms;
  net->Run(20ms);
  net->TakeFeedback(0);
  net->Run(10s);
  std::vector<Told> told = net->TakeFeedback(0);
  // The one about the last payload itself may come before the three.
  if (told.size() == 4) told.erase(told.begin());
  ASSERT_EQ(told.size(), 3u);
  constexpr Duration kAfter[] = {25ms, 75ms, 200ms};
  for (size_t i = 0; i < told.size(); ++i) {
    const Duration after = told[i].when - last;
    EXPECT_GE(after, kAfter[i]);
    EXPECT_LE(after, kAfter[i] + 70ms);
  }
  // And begins anew with the next one, soon.
  net->Send(0, 1, "again");
  net->Run(25ms);
  EXPECT_EQ(net->TakeFeedback(0).size(), 1u);
}

TEST(Feedback, EveryFifthGoesOverAllPaths) {
  const auto net = Spreading({.ports = {3, 3}});
  net->Record(true);
  Flow(*net, 1000, 1ms, 1s);
  std::map<Instant, std::set<std::pair<int, std::string>>> ways;
  for (const Seen& seen : net->TakeSeen()) {
    if (seen.from_node == 1 && seen.datagram.size() >= 32 + 18 + 9 * 20 + 4) {
      ways[seen.sent].insert({seen.from_port, seen.to.ToString()});
    }
  }
  size_t everywhere = 0;
  size_t once = 0;
  for (const auto& [when, over] : ways) {
    ++(over.size() == 1 ? once : everywhere);
    if (over.size() != 1) {
      EXPECT_EQ(over.size(), 9u);
    }
  }
  EXPECT_GE(everywhere, 8u);
  EXPECT_NEAR(static_cast<double>(once), 4.0 * static_cast<double>(everywhere), 6);
  // The peer does not count its own feedback for payloads, however many copies there are: it comes to rest.
  net->Run(3s);
  net->TakeFeedback(0);
  net->Run(5s);
  EXPECT_TRUE(net->TakeFeedback(0).empty());
}

// The path that brought all payloads has died, both ways: the first feedback that says so comes over the others.
TEST(Feedback, TheFirstThatSaysThatNothingCameGoesOverAllPaths) {
  const auto net = Spreading({.ports = {3, 3}});
  Flow(*net, 1000, 1ms, 500ms);
  net->Record(true);
  const Instant last = net->now();
  net->Run(60ms);
  std::map<Instant, std::set<std::pair<int, std::string>>> ways;
  for (const Seen& seen : net->TakeSeen()) {
    if (seen.from_node == 1 && seen.datagram.size() >= 32 + 18 + 9 * 20 + 4 &&
        seen.sent >= last + 15ms)
      ways[seen.sent].insert({seen.from_port, seen.to.ToString()});
  }
  ASSERT_FALSE(ways.empty());
  EXPECT_EQ(ways.begin()->second.size(), 9u);
  EXPECT_LE(ways.begin()->first, last + 40ms);
}

// A hub has one port, to which all links of the sender lead: the port works, though one of the links is dead.
TEST(Feedback, GoesBackOverALinkThatWorksThoughAllLeadToOnePort) {
  const auto net = Spreading({.ports = {3, 1}});
  net->Record(true);
  Flow(*net, 1000, 1ms, 500ms);
  std::map<std::string, int> ways;
  for (const Seen& seen : net->TakeSeen()) {
    if (seen.from_node == 1 && seen.datagram.size() >= 32 + 18 + 3 * 20 + 4)
      ++ways[seen.to.ToString()];
  }
  ASSERT_EQ(ways.size(), 3u);
  const auto most = std::max_element(
      ways.begin(), ways.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  for (int port = 0; port < 3; ++port) {
    if (net->EndpointOf(0, port).ToString() == most->first) net->Cut(0, port);
  }
  Flow(*net, 1000, 1ms, 60ms);
  net->TakeFeedback(0);
  Flow(*net, 1000, 1ms, 200ms);
  EXPECT_GE(net->TakeFeedback(0).size(), 8u) << "one each 20 ms, and not each fifth alone";
}

TEST(Feedback, CostsAHundredthAndTwoKilobytesASecond) {
  const auto net = Spreading({.ports = {4, 4}});
  net->TakeSeen();
  net->Record(true);
  constexpr int kSeconds = 10;
  Flow(*net, 20, 4ms, std::chrono::seconds(kSeconds));
  size_t cost = 0;
  size_t count = 0;
  size_t received = 0;
  for (const Seen& seen : net->TakeSeen()) {
    if (seen.from_node == 0 && seen.datagram.size() == 56) received += seen.datagram.size() + 42;
    if (seen.from_node != 1 || seen.datagram.size() < 32 + 18 + 16 * 20) continue;
    ++count;
    cost += seen.datagram.size() + 42;
  }
  EXPECT_GT(count, 50u);
  EXPECT_LE(cost, received / 100 + kSeconds * 2000 + 16000);
}

// What a pause allows for is there when it ends: payloads that come seldom are told of as well as others.
TEST(Feedback, IsSavedForInPauses) {
  const auto net = Spreading({.ports = {3, 3}});
  int soon = 0;
  for (int i = 0; i < 60; ++i) {
    net->Send(0, 1, std::string(100, 'x'));
    net->Run(50ms);
    soon += net->TakeFeedback(0).empty() ? 0 : 1;
    net->Run(950ms);
    net->TakeFeedback(0);
  }
  EXPECT_EQ(soon, 60);
}

TEST(Feedback, GoesOnInTheNextSession) {
  const auto net = Spreading({.timers = {{.rekey_after = 3s}}});
  const wire::Session* const first = net->Peer(0, 1).session.get();
  Flow(*net, 100, 5ms, 5s);
  const std::vector<Told> told = net->TakeFeedback(0);
  const wire::Session* const second = net->Peer(0, 1).session.get();
  ASSERT_NE(first, second);
  const auto begins =
      std::find_if(told.begin(), told.end(), [&](const Told& one) { return one.session != first; });
  ASSERT_NE(begins, told.end());
  EXPECT_NE(begins, told.begin());
  EXPECT_EQ(begins->feedback.number, 0);
  EXPECT_LT(begins->feedback.base, 200u);
  EXPECT_LT(begins->when - std::prev(begins)->when, 200ms);
}

// Payloads that were under way when the keys changed are told of, those that were lost among them.
TEST(Feedback, NamesAllThatWasSentInTheSessionBefore) {
  const auto net = Spreading({.timers = {{.rekey_after = 3s}}});
  const uint32_t first = net->Peer(0, 1).session->remote_index();
  std::set<uint64_t> sent, lost;
  net->Filter([&](const Seen& seen) {
    if (seen.from_node != 0 || seen.type() != 1 || seen.datagram.size() < 400) return true;
    if (wire::ReadDataHeader(seen.datagram)->receiver_index != first) return true;
    sent.insert(CounterOf(seen));
    if (CounterOf(seen) % 5 != 0) return true;
    lost.insert(CounterOf(seen));
    return false;
  });
  const wire::Session* const session = net->Peer(0, 1).session.get();
  Flow(*net, 400, 1ms, 4s);
  ASSERT_NE(net->Peer(0, 1).session.get(), session);
  ASSERT_GT(sent.size(), 1000u);
  std::vector<Told> told = net->TakeFeedback(0);
  std::erase_if(told, [&](const Told& one) { return one.session != session; });
  std::set<uint64_t> delivered, missing;
  Read(told, &delivered, &missing);
  uint64_t last = *sent.rbegin();
  if (lost.contains(last)) --last;  // nobody can know of it
  for (const uint64_t counter : sent) {
    if (counter > last) continue;
    EXPECT_EQ(delivered.contains(counter), !lost.contains(counter)) << counter << " of " << last;
    EXPECT_TRUE(delivered.contains(counter) || missing.contains(counter));
  }
}

}  // namespace
}  // namespace warp::protocol
