// What spreading has to reach, on models of links, in virtual time. Each test prints its figures.
#include <gtest/gtest.h>

#include "tests/control/bonding/model/cubic.h"
#include "tests/control/bonding/model/tell.h"
#include "tests/control/bonding/model/world.h"

namespace warp::bonding {
namespace {

using config::TunnelMode;
using config::TunnelPolicy;

LinkOptions Line(double mbit, double round_trip) {
  return {.rates = {Mbit(mbit)}, .delay = Millis(round_trip / 2)};
}
LinkOptions Walk(double mbit, double round_trip, double least, double most, uint64_t seed) {
  return {.rates = Radio(Mbit(mbit), Mbit(least), Mbit(most), seed),
          .delay = Millis(round_trip / 2),
          .jitter = Millis(2)};
}
// 50, 20 and 5 Mb/s, round trips of 20, 60 and 120 ms.
void AddLines(World& world, double loss = 0, Duration jitter = {}, Duration slot = {}) {
  for (LinkOptions line : {Line(50, 20), Line(20, 60), Line(5, 120)}) {
    line.loss = loss;
    line.jitter = jitter;
    line.slot = slot;
    world.AddLink(line);
  }
}
void AddSteps(World& world) {
  world.AddLink(Line(50, 20));
  LinkOptions stepped = Line(20, 60);
  stepped.rates = Steps(Mbit(20), Mbit(10), Millis(10000));
  world.AddLink(stepped);
  world.AddLink(Line(5, 120));
}
void AddRadios(World& world) {
  world.AddLink(Line(50, 20));
  world.AddLink(Walk(20, 50, 1, 60, 7));
  world.AddLink(Walk(10, 70, 0.5, 30, 9));
}
TunnelPolicy Stripe(double order = 0, double resend = 0) {
  return {.mode = TunnelMode::kStripe, .order = Millis(order), .resend = Millis(resend)};
}

double WorstWait(World& world, Instant from, Instant to) {
  double worst = 0;
  for (size_t i = 0; i < world.links(); ++i)
    worst = std::max(worst, world.link(i).WaitPercentile(0.99, from, to));
  return worst;
}

TEST(Rows, NearlyTheSumOfUnequalLinks) {
  World world;
  AddLines(world);
  const uint16_t flow = world.AddFlow({.policy = Stripe(150)});
  world.Count(At(5), At(25));
  world.Stream(flow, 0.97 * world.Capacity(), false, {}, At(25));
  world.Run();
  Tell("1 97 %", world, flow);
  const FlowResult& result = world.result(flow);
  EXPECT_GE(world.Goodput(flow), 0.965);
  EXPECT_LE(static_cast<double>(result.missing()), 0.0005 * static_cast<double>(result.offered));
  EXPECT_LE(static_cast<double>(result.swapped), 0.0001 * static_cast<double>(result.arrived));
  EXPECT_LE(result.DelayPercentile(0.99), 100);
}

TEST(Rows, At93) {
  World world;
  AddLines(world);
  const uint16_t flow = world.AddFlow({.policy = Stripe(150)});
  world.Count(At(5), At(25));
  world.Stream(flow, 0.93 * world.Capacity(), false, {}, At(25));
  world.Run();
  Tell("1 93 %", world, flow);
  EXPECT_LE(world.result(flow).DelayPercentile(0.99), 80);
}

TEST(Rows, Overload) {
  World world;
  AddLines(world);
  const uint16_t flow = world.AddFlow({.policy = Stripe()});
  world.Count(At(5), At(25));
  world.Stream(flow, 1.05 * world.Capacity(), false, {}, At(25));
  world.Run();
  Tell("2 105 %", world, flow);
  EXPECT_GE(world.Goodput(flow), 0.99);
  EXPECT_LE(WorstWait(world, At(5), At(25)), 20);
}

TEST(Rows, Light) {
  World world;
  AddLines(world);
  const uint16_t flow = world.AddFlow({.policy = Stripe()});
  world.Count(At(5), At(25));
  world.Stream(flow, 0.40 * world.Capacity(), false, {}, At(25));
  world.Run();
  Tell("3 40 %", world, flow);
  EXPECT_LE(world.result(flow).DelayPercentile(0.99), 13);
}

TEST(Rows, OneTcp) {
  World world;
  AddLines(world);
  const uint16_t flow = world.AddFlow({.policy = Stripe(150)});
  Cubic tcp(world, flow, Millis(10));
  world.Count(At(5), At(30));
  tcp.Start();
  world.Run();
  Tell("4 TCP", world, flow);
  std::printf("   round trip p50 %.0f p99 %.0f, lost %lu spurious %lu\n",
              Percentile(tcp.round_trips(), 0.5), Percentile(tcp.round_trips(), 0.99), tcp.lost(),
              tcp.spurious());
  EXPECT_GE(world.Goodput(flow), 0.97);
  EXPECT_LE(WorstWait(world, At(5), At(30)), 40);
  // 30 ms of our queue, 36 of the modem of the slowest path, 70 of the links.
  EXPECT_LE(Percentile(tcp.round_trips(), 0.99), 125);
}

TEST(Rows, SteppedUdp) {
  World world;
  AddSteps(world);
  const uint16_t flow = world.AddFlow({.policy = Stripe()});
  world.Count(At(5), At(35));
  world.Stream(flow, 1.05 * world.Capacity(), false, {}, At(35));
  world.Run();
  Tell("5 steps", world, flow);
  double peak = 0;
  for (const LinkModel::Wait& wait : world.link(1).waits()) {
    if (wait.at > At(5)) peak = std::max<double>(peak, wait.ms);
  }
  std::printf("   peak %.0f ms\n", peak);
  EXPECT_GE(world.Goodput(flow), 0.97);
  EXPECT_LE(peak, 120);
}

TEST(Rows, SteppedTcp) {
  World world;
  AddSteps(world);
  const uint16_t flow = world.AddFlow({.policy = Stripe(150)});
  Cubic tcp(world, flow, Millis(10));
  world.Count(At(5), At(35));
  tcp.Start();
  world.Run();
  Tell("6 steps, TCP", world, flow);
  EXPECT_GE(world.Goodput(flow), 0.95);
}

TEST(Rows, RadioTcp) {
  World world;
  AddRadios(world);
  const uint16_t flow = world.AddFlow({.policy = Stripe(150)});
  Cubic tcp(world, flow, Millis(10));
  world.Count(At(5), At(45));
  tcp.Start();
  world.Run();
  Tell("7 LTE, TCP", world, flow);
  EXPECT_GE(world.Goodput(flow), 0.88);
  EXPECT_LE(world.result(flow).DelayPercentile(0.99), 250);
}

TEST(Rows, RadioUdp) {
  World world;
  AddRadios(world);
  const uint16_t flow = world.AddFlow({.policy = Stripe()});
  world.Count(At(5), At(35));
  world.Stream(flow, 0.60 * world.Capacity(), false, {}, At(35));
  world.Run();
  Tell("8 LTE, UDP 60 %", world, flow);
  EXPECT_EQ(world.result(flow).missing() + world.result(flow).refused, 0u);
  EXPECT_LE(world.result(flow).DelayPercentile(0.99), 30);
}

TEST(Rows, DeathAndReturn) {
  for (const bool ordered : {true, false}) {
    World world;
    AddLines(world);
    world.link(0).Die(At(10), At(18));
    const uint16_t flow =
        world.AddFlow({.policy = Stripe(ordered ? 150 : 0, 200), .deadline = Millis(250)});
    world.Count(At(2), At(25));
    world.Stream(flow, 0.25 * world.Capacity(), false, {}, At(25));
    world.Run();
    Tell(ordered ? "9 death, ordered" : "9 death, unordered", world, flow);
    EXPECT_EQ(world.result(flow).missing() + world.result(flow).refused, 0u);
    EXPECT_LE(InMillis(world.result(flow).longest_gap), ordered ? 200 : 150);
  }
}

struct DeathShares {
  double dead = 0;   // of what the other links carry, while the fastest one is dead
  double after = 0;  // of the sum, from five seconds after its return
};

DeathShares TcpThroughADeath(double dies) {
  World world;
  AddLines(world);
  world.link(0).Die(At(dies), At(dies + 10));
  const uint16_t flow = world.AddFlow({.policy = Stripe(150, 150)});
  Cubic tcp(world, flow, Millis(10));
  std::vector<uint64_t> arrived(40);
  tcp.Start();
  world.Count(At(5), At(30));
  std::function<void()> look = [&] {
    arrived[static_cast<size_t>(InMillis(world.time().now().time_since_epoch()) / 1000)] =
        world.result(flow).bytes;
    world.time().In(Millis(1000), look);
  };
  world.time().At(At(0), look);
  world.Run();
  Tell("9b death, TCP", world, flow);
  EXPECT_LE(InMillis(world.result(flow).longest_gap), 400);
  const auto share = [&](size_t from, size_t to, double of) {
    return static_cast<double>(arrived[to] - arrived[from]) * 8 / static_cast<double>(to - from) /
           (of * kPayload / (kPayload + kHeaders));
  };
  return {share(13, 20, 25e6), share(25, 30, 75e6)};
}

// How fast the connection grows after the return is cubic's matter: where its last reduction fell late, it grows slowly
// for as long as ten seconds. So several moments are tried.
TEST(Rows, DeathTcp) {
  DeathShares mean;
  double best = 0;
  constexpr int kTries = 6;
  for (int i = 0; i < kTries; ++i) {
    const DeathShares shares = TcpThroughADeath(10 + 0.17 * i);
    mean.dead += shares.dead / kTries;
    mean.after += shares.after / kTries;
    best = std::max(best, shares.after);
  }
  std::printf("   dead %.3f, after %.3f, at best %.3f\n", mean.dead, mean.after, best);
  EXPECT_GE(mean.dead, 0.95);
  EXPECT_GE(mean.after, 0.80);
  EXPECT_GE(best, 0.95);
}

TEST(Rows, RandomLoss) {
  World world;
  AddLines(world, 0.02);
  const uint16_t flow = world.AddFlow({.policy = Stripe(0, 200), .deadline = Millis(250)});
  world.Count(At(5), At(25));
  world.Stream(flow, 0.85 * world.Capacity(), false, {}, At(25));
  world.Run();
  Tell("10 2 % loss", world, flow);
  const FlowResult& result = world.result(flow);
  EXPECT_LE(static_cast<double>(result.missing()), 0.0006 * static_cast<double>(result.offered));
  EXPECT_LE(world.ExtraShare(flow), 0.025);
  EXPECT_LE(result.DelayPercentile(0.99), 100);
}

TEST(Rows, Slots) {
  World world;
  AddLines(world, 0, {}, Millis(10));
  const uint16_t flow = world.AddFlow({.policy = Stripe()});
  world.Count(At(5), At(25));
  world.Stream(flow, 1.05 * world.Capacity(), false, {}, At(25));
  world.Run();
  Tell("18 slots", world, flow);
  EXPECT_GE(world.Goodput(flow), 0.98);
}
TEST(Rows, Jitter) {
  World world;
  AddLines(world, 0, Millis(8));
  const uint16_t flow = world.AddFlow({.policy = Stripe()});
  world.Count(At(5), At(25));
  world.Stream(flow, 1.05 * world.Capacity(), false, {}, At(25));
  world.Run();
  Tell("18 jitter", world, flow);
  EXPECT_GE(world.Goodput(flow), 0.95);
}

TEST(Rows, FloodBesideALightFlow) {
  World world;
  AddLines(world);
  const uint16_t flood = world.AddFlow({.policy = Stripe()});
  const uint16_t light = world.AddFlow({.policy = Stripe()});
  world.Count(At(5), At(20));
  world.Stream(flood, 1.3 * world.Capacity(), false, {}, At(20));
  world.Stream(light, 30000, true, {}, At(20), 200);
  world.Run();
  Tell("flood", world, flood);
  Tell("light beside it", world, light);
  EXPECT_EQ(world.result(light).refused + world.result(light).missing(), 0u);
  EXPECT_LE(world.result(light).DelayPercentile(0.99), 70);
}

TEST(Rows, TwoPeersShareAModem) {
  World one(1);
  World other(2, one.time());
  one.AddLink(Line(20, 40));
  other.ShareLink(one.shared(0));
  one.AddLink(Line(10, 60));
  other.AddLink(Line(10, 60));
  for (World* world : {&one, &other}) {
    const uint16_t flow = world->AddFlow({.policy = Stripe()});
    world->Count(At(5), At(25));
    world->Stream(flow, Mbit(40), false, {}, At(25));
  }
  one.Run();
  Tell("shared, one", one, 0);
  Tell("shared, other", other, 0);
  const double mine = one.Goodput(0) * one.Capacity(), theirs = other.Goodput(0) * other.Capacity();
  EXPECT_GE(mine + theirs, 0.93 * Mbit(40) * kPayload / (kPayload + kHeaders));
  EXPECT_GE(mine, 0.5 * theirs);
  EXPECT_GE(theirs, 0.5 * mine);
}

}  // namespace
}  // namespace warp::bonding
