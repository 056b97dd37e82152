// The modes beside stripe: copies over the best paths, tiers, backup; and a mode that changes.
#include <gtest/gtest.h>

#include <bit>

#include "tests/control/bonding/model/world.h"

namespace warp::bonding {
namespace {

using config::TunnelMode;

LinkOptions Line(double mbit, double round_trip) {
  return {.rates = {Mbit(mbit)}, .delay = Millis(round_trip / 2)};
}

TEST(Modes, CopiesGoByTheBestPathsAndNeverTwoByOnePort) {
  Bond bond([](uint16_t, uint64_t) {});
  std::vector<PathSpec> paths;
  for (int i = 0; i < 4; ++i) {
    paths.push_back({.id = static_cast<wire::PathId>(i + 1),
                     .slot = static_cast<wire::PathSlot>(i),
                     .port = static_cast<wire::PortId>(i / 2),
                     .remote_port = static_cast<uint16_t>(i),
                     .round_trip = Millis(20 + 10 * i)});
  }
  bond.SetPaths(At(1), paths);
  bond.SetFlow(At(1), 7, {.policy = {.mode = TunnelMode::kReplicate, .copies = 2}});
  Grant grant{.flow = 7, .size = 1480, .taken = At(1), .deadline = At(2)};
  ASSERT_EQ(bond.Offer(At(1), &grant), Bond::Fate::kGranted);
  EXPECT_EQ(grant.paths, 0b0101u);
  bond.SetFlow(At(1), 7, {.policy = {.mode = TunnelMode::kReplicate}, .allowed = 0b1110});
  ASSERT_EQ(bond.Offer(At(2), &grant), Bond::Fate::kGranted);
  EXPECT_EQ(grant.paths, 0b1110u);
}

class TierTest : public testing::TestWithParam<uint8_t> {};

// However far apart the tiers are.
TEST_P(TierTest, OneJoinsWhenTheOneBeforeIsFullAndLeavesAfterIt) {
  World world;
  world.AddLink(Line(10, 20), 1);
  world.AddLink(Line(10, 20), GetParam());
  const uint16_t flow = world.AddFlow({});
  world.Count(At(5), At(30));
  world.Stream(flow, Mbit(6), false, {}, At(5));
  world.Stream(flow, Mbit(14), false, At(5), At(15));
  world.Stream(flow, Mbit(3), false, At(15), At(30));
  uint64_t before = 0, while_full = 0, after = 0, end = 0;
  world.time().At(At(5), [&] { before = world.link(1).sent_bytes(); });
  world.time().At(At(15), [&] { while_full = world.link(1).sent_bytes() - before; });
  world.time().At(At(24), [&] { after = world.link(1).sent_bytes(); });
  world.time().At(At(30), [&] { end = world.link(1).sent_bytes() - after; });
  world.Run();
  EXPECT_EQ(before, 0u);
  EXPECT_GE(static_cast<double>(while_full), 0.25 * 10 * Mbit(14));
  EXPECT_EQ(end, 0u);
  EXPECT_EQ(world.result(flow).missing(), 0u);
}
INSTANTIATE_TEST_SUITE_P(Modes, TierTest, testing::Values(2, 8));

TEST(Modes, BackupSwitchesWithoutALoss) {
  World world;
  world.AddLink(Line(20, 20), 1);
  world.AddLink(Line(20, 60), 2);
  world.link(0).Die(At(8), At(14));
  const uint16_t flow =
      world.AddFlow({.policy = {.mode = TunnelMode::kBackup, .resend = Millis(200)}});
  world.Count(At(2), At(20));
  world.Stream(flow, Mbit(3), false, {}, At(20));
  uint64_t idle = 0, back = 0;
  world.time().At(At(7.9), [&] { idle = world.link(1).sent_bytes(); });
  world.time().At(At(16), [&] { back = world.link(1).sent_bytes(); });
  world.Run();
  EXPECT_EQ(idle, 0u);
  EXPECT_EQ(world.link(1).sent_bytes(), back);  // the better one carries again
  EXPECT_EQ(world.result(flow).missing() + world.result(flow).refused, 0u);
  EXPECT_LE(InMillis(world.result(flow).longest_gap), 150);
  EXPECT_LE(world.ExtraShare(flow), 0.05);
}

TEST(Modes, APathThatIsTakenAwayLosesNothing) {
  World world;
  world.AddLink(Line(20, 20));
  world.AddLink(Line(20, 60));
  const uint16_t flow =
      world.AddFlow({.policy = {.mode = TunnelMode::kStripe, .resend = Millis(200)}});
  world.Count(At(2), At(20));
  world.Stream(flow, Mbit(15), false, {}, At(20));
  for (double at = 5; at < 15; at += 2) {
    world.time().At(At(at), [&] { world.SetPaths(0b01); });
    world.time().At(At(at + 1), [&] { world.SetPaths(); });
  }
  world.Run();
  EXPECT_EQ(world.result(flow).missing() + world.result(flow).refused, 0u);
}

TEST(Modes, AChangeOfModeLosesNothing) {
  World world;
  world.AddLink(Line(20, 20));
  world.AddLink(Line(20, 60));
  const uint16_t flow = world.AddFlow(
      {.policy = {.mode = TunnelMode::kStripe, .order = Millis(150), .resend = Millis(150)}});
  world.Count(At(2), At(12));
  world.Stream(flow, Mbit(12), false, {}, At(12));
  const TunnelMode modes[] = {TunnelMode::kReplicate, TunnelMode::kBackup, TunnelMode::kAdaptive,
                              TunnelMode::kStripe};
  for (int i = 0; i < 100; ++i) {
    world.time().At(At(2.05 + 0.1 * i), [&, i] {
      world.SetPolicy(flow, {.mode = modes[i % 4], .order = Millis(150), .resend = Millis(150)});
    });
  }
  world.Run();
  EXPECT_EQ(world.result(flow).missing() + world.result(flow).refused, 0u);
  EXPECT_EQ(world.result(flow).swapped, 0u);
}

TEST(Modes, EveryPathDeadForAWhile) {
  World world;
  world.AddLink(Line(20, 20));
  world.AddLink(Line(20, 60));
  for (size_t i = 0; i < 2; ++i) world.link(i).Die(At(8), At(10));
  const uint16_t flow = world.AddFlow({});
  world.Count(At(11), At(20));
  world.Stream(flow, Mbit(15), false, {}, At(20));
  world.Run();
  EXPECT_EQ(world.result(flow).missing() + world.result(flow).refused, 0u);
  EXPECT_LE(world.result(flow).DelayPercentile(0.99), 40);
}

}  // namespace
}  // namespace warp::bonding
