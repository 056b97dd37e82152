// Parity beside payloads, on models of links, in virtual time: rows 15 and 16, and what `fec: auto` makes of links.
#include <gtest/gtest.h>

#include <cmath>

#include "tests/control/bonding/model/tell.h"
#include "tests/control/bonding/model/world.h"

namespace warp::bonding {
namespace {

using config::TunnelMode;

LinkOptions Line(double loss = 0) {
  return {.rates = {Mbit(20)}, .delay = Millis(20), .loss = loss};
}

config::TunnelPolicy Striped(const config::Fec& fec) {
  return {.mode = TunnelMode::kStripe, .order = Millis(100), .target = 0.001, .fec = fec};
}

double LostShare(const FlowResult& result) {
  return static_cast<double>(result.missing() + result.late) / static_cast<double>(result.offered);
}

// Three equal links, 500 payloads a second: what stays lost is what chance leaves.
void HoldLoss(double loss, double seconds) {
  World world(7);
  for (int i = 0; i < 3; ++i) world.AddLink(Line(loss));
  const uint16_t flow = world.AddFlow({.policy = Striped({.payloads = 4, .parities = 1})});
  world.Count(At(1), At(1 + seconds));
  world.Stream(flow, 500 * kPayload, true, {}, At(1 + seconds));
  world.Run();
  Tell("15 fec 4+1", world, flow);
  const double lost = LostShare(world.result(flow)), expected = loss * (1 - std::pow(1 - loss, 4));
  std::printf("   loss %.0f %%: %.4f %% stay lost, by chance %.4f %%\n", 100 * loss, 100 * lost,
              100 * expected);
  EXPECT_NEAR(lost, expected, 0.15 * expected);
  EXPECT_NEAR(world.ExtraShare(flow), 0.25, 0.005);
}
TEST(Fec, OneInAHundred) { HoldLoss(0.01, 800); }
TEST(Fec, FiveInAHundred) { HoldLoss(0.05, 120); }

// One of three paths is a black hole for 10 s: no path has two packets of a block of three. Copies try whether it lives
// again, so that a little more than the parity goes out.
TEST(Fec, APathMayDie) {
  World world(8);
  for (int i = 0; i < 3; ++i) world.AddLink(Line());
  const uint16_t flow = world.AddFlow({.policy = Striped({.payloads = 2, .parities = 1})});
  world.link(1).Die(At(10), At(20));
  world.Count(At(5), At(40));
  world.Stream(flow, 1000 * kPayload, true, {}, At(40));
  world.Run();
  Tell("16 fec 2+1", world, flow);
  EXPECT_EQ(world.result(flow).missing(), 0u);
  EXPECT_EQ(world.result(flow).late, 0u);
  EXPECT_GT(world.result(flow).recovered, 20u);
  EXPECT_LE(world.ExtraShare(flow), 0.51);
}

// Payloads as fast as the links take them: parity gives way, and no payload is refused for it.
TEST(Fec, ParityGivesWay) {
  double with = 0, without = 0;
  for (const bool fec : {false, true}) {
    World world(9);
    for (int i = 0; i < 3; ++i) world.AddLink(Line());
    config::TunnelPolicy policy = Striped({});
    if (fec) policy.fec = {.payloads = 4, .parities = 1};
    const uint16_t flow = world.AddFlow({.policy = policy});
    world.Count(At(5), At(20));
    world.Stream(flow, 1.2 * world.Capacity(), false, {}, At(20));
    world.Run();
    Tell(fec ? "overload with parity" : "overload without", world, flow);
    (fec ? with : without) = world.Goodput(flow);
  }
  EXPECT_GT(with, without - 0.02);
}

struct Automatic {
  double extra, lost;
};
Automatic RunAuto(double loss, double deaths_every, uint64_t payloads_a_second = 1000) {
  World world(10);
  for (int i = 0; i < 3; ++i) world.AddLink(Line(loss));
  const uint16_t flow = world.AddFlow({.policy = Striped({.automatic = true})});
  if (deaths_every > 0) {
    for (double at = 6; at < 65; at += deaths_every)
      world.link(static_cast<size_t>(at / deaths_every) % 3).Die(At(at), At(at + 1));
  }
  world.Count(At(10), At(70));
  world.Stream(flow, static_cast<double>(payloads_a_second) * kPayload, true, {}, At(70));
  world.Run();
  Tell("fec auto", world, flow);
  const Automatic result{world.ExtraShare(flow), LostShare(world.result(flow))};
  std::printf("   loss %.1f %%: extra %.3f, lost %.5f\n", 100 * loss, result.extra, result.lost);
  return result;
}

TEST(FecAuto, CostsNothingWhereNothingIsLost) {
  const Automatic result = RunAuto(0, 0);
  EXPECT_EQ(result.lost, 0);
  EXPECT_LE(result.extra, 0.001);
}
TEST(FecAuto, MeetsTheTargetWhereChanceLoses) {
  const Automatic result = RunAuto(0.02, 0);
  EXPECT_LE(result.lost, 0.0012);
  EXPECT_LE(result.extra, 0.25);
}
TEST(FecAuto, MoreLossTakesMoreParity) {
  EXPECT_GT(RunAuto(0.05, 0).extra, RunAuto(0.01, 0).extra + 0.03);
}
TEST(FecAuto, SurvivesTheDeathsOfPathsThatDie) {
  const Automatic result = RunAuto(0, 9);
  EXPECT_EQ(result.lost, 0);
  EXPECT_GT(result.extra, 0.4);
  EXPECT_LE(result.extra, 0.53);
}
// 20 payloads a second: each is a block of its own, and its parity would be a copy.
TEST(FecAuto, KeepsItsBoundWherePayloadsAreSparse) { EXPECT_LE(RunAuto(0.05, 0, 20).extra, 0.5); }

}  // namespace
}  // namespace warp::bonding
