// The tunnels of a node share a full port in proportion to their weights.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <random>
#include <vector>

#include "tests/control/bonding/bare/bare_bond.h"
#include "tests/control/bonding/model/world.h"

namespace warp::bonding {
namespace {

config::TunnelPolicy Weight(uint32_t weight) {
  return {.mode = config::TunnelMode::kStripe, .weight = weight};
}

// The part of the first of two tunnels that both want more than the links carry, in the seconds 5 to 14, and in the
// seconds 15 to 25. Their weights change after 14.
struct Parts {
  double before = 0, after = 0;
};
Parts Share(std::array<uint32_t, 2> weights, std::array<uint32_t, 2> then,
            const std::vector<double>& links) {
  World world(3);
  double sum = 0;
  for (const double rate : links) {
    world.AddLink({.rates = {Mbit(rate)}, .delay = Millis(15)});
    sum += rate;
  }
  std::array<std::array<double, 2>, 2> arrived{};
  for (const size_t i : {0, 1}) {
    const uint16_t flow = world.AddFlow({.policy = Weight(weights[i])});
    world.OnArrival(flow, [&world, &arrived, i](uint64_t) {
      const Instant now = world.time().now();
      if (now >= At(5) && now < At(14)) ++arrived[0][i];
      if (now >= At(15) && now < At(25)) ++arrived[1][i];
    });
    world.Stream(flow, Mbit(sum), false, {}, At(25));
  }
  world.time().At(At(14), [&] {
    for (const uint16_t flow : {0, 1}) world.SetPolicy(flow, Weight(then[flow]));
  });
  world.Count(At(5), At(25));
  world.Run();
  const auto part = [](const std::array<double, 2>& of) { return of[0] / (of[0] + of[1]); };
  return {part(arrived[0]), part(arrived[1])};
}

// Within 5 % of the smaller part.
void ExpectPart(double part, double expected) {
  EXPECT_NEAR(part, expected, 0.05 * std::min(expected, 1 - expected));
}

TEST(Weights, OneAndThreeShareAFullPort) {
  const Parts parts = Share({1, 3}, {3, 1}, {20});
  ExpectPart(parts.before, 0.25);
  ExpectPart(parts.after, 0.75);
}

TEST(Weights, OneAndThreeShareUnequalLinks) {
  const Parts parts = Share({3, 1}, {1, 1}, {20, 6});
  ExpectPart(parts.before, 0.75);
  ExpectPart(parts.after, 0.5);
}

TEST(Weights, TheExtremes) { ExpectPart(Share({100, 1}, {100, 1}, {50}).before, 100.0 / 101); }

// What another one does not need is everybody's.
TEST(Weights, WhoIsAloneHasTheWholePort) {
  World world(4);
  world.AddLink({.rates = {Mbit(20)}, .delay = Millis(15)});
  const uint16_t light = world.AddFlow({.policy = Weight(1)});
  world.AddFlow({.policy = Weight(100)});
  world.Count(At(5), At(15));
  world.Stream(light, Mbit(25), false, {}, At(15));
  world.Run();
  EXPECT_GE(world.Goodput(light), 0.95);
}

// A tunnel with little to send does not wait for all that a heavier one has put there.
TEST(Weights, ALightTunnelIsNotKeptWaiting) {
  World world(5);
  world.AddLink({.rates = {Mbit(20)}, .delay = Millis(15)});
  const uint16_t flood = world.AddFlow({.policy = Weight(100)});
  const uint16_t light = world.AddFlow({.policy = Weight(1)});
  world.Count(At(5), At(15));
  world.Stream(flood, Mbit(26), false, {}, At(15));
  world.Stream(light, Mbit(0.1), true, {}, At(15), 200);
  world.Run();
  EXPECT_EQ(world.result(light).refused + world.result(light).missing(), 0u);
  EXPECT_LE(world.result(light).DelayPercentile(0.99), 50);
}

// --- Of several peers, whose paths share a port. ---

class WeightsTest : public BareBondTest {
 protected:
  double Told() {
    std::vector<PathUse> uses;
    bond_.TakeUses(now_, uses);
    EXPECT_EQ(uses.size(), 1u);
    return uses[0].weight;
  }
  void Send(uint16_t flow) {
    Grant grant;
    if (Offer(&grant, flow) == Bond::Fate::kGranted) Pay(grant);
  }
};

// Of a path that two tunnels fill, the first of which has one payload at a time: what it has of the bytes.
class OneAtATimeTest : public WeightsTest {
 protected:
  void Begin(uint32_t weight, uint32_t others) {
    rate_ = 100'000;
    SetPaths(0b01);
    SetFlow(1, Weight(weight));
    SetFlow(2, Weight(others));
    for (int i = 0; i < 300; ++i) Wait(2, 1000);
  }
  // Whatever leaves of the second one is followed by as much, and with `again` so is that of the first one. Returns
  // what has left of each.
  std::array<double, 2> Fill(Duration time, bool again) {
    std::array<double, 2> left{};
    for (const Instant end = now_ + time; now_ < end; now_ += Millis(1)) {
      bond_.HandleTimeout(now_);
      while (const auto grant = bond_.Next(now_)) {
        left.at(grant->flow - 1u) += grant->size;
        Pay(*grant);
        if (grant->flow == 2 || again) Wait(grant->flow, grant->size);
      }
    }
    return left;
  }
  double PartOf(uint32_t size) {
    Wait(1, size);
    const std::array<double, 2> left = Fill(Millis(5000), true);
    return left[0] / (left[0] + left[1]);
  }
};

TEST_F(OneAtATimeTest, LargePayloadsTakeNoMoreThanTheirPart) {
  Begin(1, 1);
  EXPECT_NEAR(PartOf(20'000), 0.5, 0.05);
}

TEST_F(OneAtATimeTest, NeitherDoOrdinaryOnesOfALightTunnel) {
  Begin(1, 100);
  EXPECT_LE(PartOf(1000), 0.03);
}

// What it owes is repaid while others have their turns.
TEST_F(OneAtATimeTest, WhoComesBackLaterOwesNothing) {
  Begin(1, 1);
  Wait(1, 20'000);
  EXPECT_EQ(Fill(Millis(500), false)[0], 20'000);
  Wait(1, 20'000);
  EXPECT_EQ(Fill(Millis(60), false)[0], 20'000);  // the turn of the other one, and its own begins
}

TEST_F(WeightsTest, APathTellsTheWeightOfThoseWhoSendByIt) {
  rate_ = 100'000;
  SetPaths(0b01);
  SetFlow(1, Weight(2));
  SetFlow(2, Weight(5));
  SetFlow(3, Weight(50));
  EXPECT_EQ(Told(), 1);
  Send(1);
  EXPECT_EQ(Told(), 2);
  Run(now_ + Millis(100));
  EXPECT_EQ(Told(), 1);
  while (true) {
    Grant grant;
    if (Offer(&grant, 1) != Bond::Fate::kGranted) break;
    Pay(grant);
  }
  Send(2);  // both wait now
  EXPECT_EQ(Told(), 7);
  EXPECT_EQ(Told(), 7);
  SetFlow(2, Weight(1));
  EXPECT_EQ(Told(), 3);
  Run(now_ + Millis(500));
  EXPECT_EQ(Told(), 3) << "both have sent since";
  EXPECT_EQ(Told(), 1);
}

// Whatever happens to what waits, the weights of a path are those of the tunnels that wait for it.
TEST_F(WeightsTest, WhatMovesTakesItsWeightAlong) {
  rate_ = 100'000;
  SetPaths(0b01);
  for (const uint16_t flow : {1, 2}) {
    SetFlow(flow, Weight(flow == 1 ? 3 : 4));
    for (int i = 0; i < 3; ++i) Wait(flow, 1000);
  }
  EXPECT_EQ(Told(), 7);
  const auto grant = bond_.Next(now_);
  ASSERT_TRUE(grant.has_value());
  bond_.NoteUnsent(now_, *grant);  // back to where it was
  EXPECT_EQ(Told(), 7);
  SetPaths(0b10);  // all goes to the other one
  EXPECT_EQ(Told(), 7);
  SetFlow(1, {.mode = config::TunnelMode::kStripe, .weight = 3}, 0b01);
  Run(now_ + Millis(500));
  Told();
  EXPECT_EQ(Told(), 1) << "nothing waits";
}

// Where all that wait are much lighter than another one, most rounds let nobody send, and are not gone through one by
// one. What leaves is what would leave if they were.
TEST_F(WeightsTest, ManyLightTunnelsLeaveAsInRounds) {
  struct Light {
    int64_t weight, deficit = 0;
    std::deque<uint32_t> sizes;
  };
  constexpr uint16_t kFlows = 60;
  rate_ = 1'000'000'000;
  SetPaths(0b01);
  SetFlow(kFlows, Weight(100));  // it sends nothing
  std::mt19937 random(8);
  std::vector<Light> lights(kFlows);
  std::deque<uint16_t> waiting;
  for (uint16_t flow = 0; flow < kFlows; ++flow) {
    lights[flow].weight = 1 + static_cast<int64_t>(random() % (flow % 3 == 0 ? 20 : 2));
    SetFlow(flow, Weight(static_cast<uint32_t>(lights[flow].weight)));
    for (size_t i = random() % 40 + 1; i > 0; --i) {
      lights[flow].sizes.push_back(static_cast<uint32_t>(random() % 9000 + 1));
      Wait(flow, lights[flow].sizes.back());
    }
    waiting.push_back(flow);
  }
  const std::vector<Grant> left = Run(now_ + Millis(60'000));
  size_t next = 0;
  while (!waiting.empty()) {
    const uint16_t flow = waiting.front();
    Light& light = lights[flow];
    if (light.deficit <= 0) {
      if (waiting.size() == 1) light.deficit = 0;
      light.deficit += kQuantum * light.weight / 100;
      waiting.pop_front();
      waiting.push_back(flow);
      if (waiting.size() > 1) continue;
    }
    ASSERT_LT(next, left.size());
    ASSERT_EQ(left[next].flow, flow) << next;
    ASSERT_EQ(left[next].size, light.sizes.front()) << next;
    light.deficit -= light.sizes.front();
    light.sizes.pop_front();
    if (light.sizes.empty()) waiting.erase(std::find(waiting.begin(), waiting.end(), flow));
    ++next;
  }
  EXPECT_EQ(next, left.size());
}

}  // namespace
}  // namespace warp::bonding
