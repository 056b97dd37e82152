// A bond at its limits: payloads of many pieces, tunnels that may not use each path, slow rates, peers that tell
// nothing, clocks that drift, and paths that go and come back at the wrong moment.
#include <gtest/gtest.h>

#include <vector>

#include "tests/control/bonding/bare/bare_bond.h"
#include "tests/control/bonding/model/world.h"

namespace warp::bonding {
namespace {

using config::TunnelMode;

using LimitsTest = BareBondTest;

// --- Paths that a tunnel may use. ---

TEST_F(LimitsTest, WhatHasNoPathOfItsTunnelWaitsAndTakesNoOther) {
  SetFlow(1, {.mode = TunnelMode::kStripe}, 0b10);
  SetPaths(0b01);
  Grant grant;
  if (Offer(&grant, 1) == Bond::Fate::kGranted) bond_.NoteUnsent(now_, grant);
  for (const Grant& left : Run(now_ + Millis(100))) EXPECT_EQ(left.paths & ~0b10u, 0u);
  SetPaths(0b11);
  const std::vector<Grant> left = Run(now_ + Millis(100));
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].paths, 0b10u);
}

TEST_F(LimitsTest, ATunnelsOnlyPathIsPacedWhileItIsSuspect) {
  rate_ = 100'000;
  SetPaths(0b01);
  SetPaths(0b11);
  SetPaths(0b01);
  SetPaths(0b11);  // the second one is back, and has to prove itself
  SetFlow(1, {.mode = TunnelMode::kStripe}, 0b10);
  uint64_t at_once = 0;
  for (int i = 0; i < 1000; ++i) {
    Grant grant;
    if (Offer(&grant, 1) != Bond::Fate::kGranted) continue;
    ++at_once;
    Pay(grant);
  }
  EXPECT_LE(at_once, 10u);
}

TEST_F(LimitsTest, WhatCouldNotLeaveAtOnceIsReplicatedAllTheSame) {
  SetFlow(1, {.mode = TunnelMode::kReplicate});
  Grant grant;
  ASSERT_EQ(Offer(&grant, 1), Bond::Fate::kGranted);
  EXPECT_EQ(grant.paths, 0b11u);
  bond_.NoteUnsent(now_, grant);
  const std::vector<Grant> left = Run(now_ + Millis(100));
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].paths, 0b11u);
}

// --- The share of a port's rate. ---

TEST_F(LimitsTest, APathKeepsToItsShareAndTakesUpALargerOne) {
  rate_ = 1'000'000;
  SetPaths(0b01);
  SetFlow(1, {.mode = TunnelMode::kStripe});
  const auto sent_in_a_second = [this](Rate share) {
    bond_.SetShare(now_, 0, share);
    const size_t left = Run(now_ + Millis(1000)).size();
    return 1000.0 * static_cast<double>(left);
  };
  for (int i = 0; i < 3000; ++i) Wait(1, 1000);
  EXPECT_NEAR(sent_in_a_second(100'000), 100'000, 15'000);
  EXPECT_NEAR(sent_in_a_second(400'000), 400'000, 30'000);
  EXPECT_NEAR(sent_in_a_second(200'000), 200'000, 30'000);
}

TEST_F(LimitsTest, WhatHadToWaitIsToldWithThePathsUse) {
  rate_ = 100'000;
  SetPaths(0b01);
  SetFlow(1, {.mode = TunnelMode::kStripe});
  const auto waited = [this] {
    std::vector<PathUse> uses;
    bond_.TakeUses(now_, uses);
    EXPECT_EQ(uses.size(), 1u);
    EXPECT_EQ(uses[0].rate, 100'000);
    return uses[0].waited;
  };
  EXPECT_FALSE(waited());
  Grant grant;
  while (Offer(&grant, 1) == Bond::Fate::kGranted) Pay(grant);
  EXPECT_TRUE(waited());
  EXPECT_TRUE(waited()) << "it waits still";
  Run(now_ + Millis(500));
  EXPECT_TRUE(waited()) << "it did, after the last look";
  EXPECT_FALSE(waited());
  rate_ = 0;
  SetPaths(0b01);
  std::vector<PathUse> uses;
  bond_.TakeUses(now_, uses);
  EXPECT_TRUE(uses.empty()) << "a port without a rate is divided by nobody";
}

// --- Copies. ---

TEST_F(LimitsTest, WhatBothPathsLostIsSentAgainThoughOneOfThemIsSilent) {
  SetFlow(1, {.mode = TunnelMode::kReplicate, .resend = Millis(900)});
  SetFlow(2, {.mode = TunnelMode::kStripe}, 0b01);
  SaveForResends();
  Grant grant;
  ASSERT_EQ(Offer(&grant, 1), Bond::Fate::kGranted);
  ASSERT_EQ(grant.paths, 0b11u);
  const uint64_t lost = Leave(grant);
  for (int i = 0; i < 10; ++i) {  // only the first path tells anything
    ASSERT_NE(Offer(&grant, 2, 100), Bond::Fate::kDropped);
    const uint64_t counter = Leave(grant);
    now_ += Millis(20);
    bond_.HandleTimeout(now_);
    Tell(0, counter, {lost});
  }
  Run(now_ + Millis(50));
  EXPECT_EQ(bond_.StatusOf(1).resent, 1u);
}

TEST_F(LimitsTest, APathThatTakesAnothersSlotLeavesNothingBehind) {
  SetFlow(1, {.mode = TunnelMode::kStripe, .resend = Millis(900)});
  SetPaths(0b01);
  SaveForResends();
  Grant grant;
  ASSERT_EQ(Offer(&grant, 1), Bond::Fate::kGranted);
  Leave(grant);
  bond_.SetPaths(now_, std::vector<PathSpec>{{.id = 77, .slot = 0, .round_trip = Millis(20)}});
  const std::vector<Grant> left = Run(now_ + Millis(50));
  ASSERT_EQ(left.size(), 1u);
  EXPECT_TRUE(left[0].again);
}

// --- Payloads of many pieces. ---

TEST_F(LimitsTest, APayloadIsSentAgainWhereOneOfItsPiecesWasLost) {
  SetFlow(1, {.mode = TunnelMode::kStripe, .resend = Millis(500)}, 0b01);
  SaveForResends();
  Grant grant;
  ASSERT_EQ(Offer(&grant, 1, 3000), Bond::Fate::kGranted);
  const uint64_t first = Leave(grant, 3);
  now_ += Millis(20);
  Tell(0, first + 2, {first + 1});
  EXPECT_TRUE(settled_.empty());
  const std::vector<Grant> left = Run(now_ + Millis(100));
  ASSERT_EQ(left.size(), 1u);
  EXPECT_TRUE(left[0].again);
}

TEST_F(LimitsTest, APayloadIsSentAgainOnceHoweverManyPiecesWereLost) {
  SetFlow(1, {.mode = TunnelMode::kStripe, .resend = Millis(500)}, 0b01);
  SaveForResends();
  Grant grant;
  ASSERT_EQ(Offer(&grant, 1, 3000), Bond::Fate::kGranted);
  const uint64_t first = Leave(grant, 4);
  now_ += Millis(20);
  Tell(0, first + 3, {first, first + 1, first + 2});
  const std::vector<Grant> left = Run(now_ + Millis(100));
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].size, 3000u);  // so is what it costs
}

// --- Rates. ---

TEST_F(LimitsTest, ARateHoldsForPayloadsThatTakeLong) {
  rate_ = 125'000;
  SetPaths(0b01);
  SetFlow(1, {.mode = TunnelMode::kStripe});
  uint64_t bytes = 0;
  const Instant end = now_ + Millis(10'000);
  while (now_ < end) {
    Grant grant;
    if (Offer(&grant, 1, 64'000) == Bond::Fate::kGranted) {
      bytes += grant.size;
      Pay(grant);
    }
    for (const Grant& left : Run(now_ + Millis(10))) bytes += left.size;
  }
  EXPECT_LE(bytes, 10 * rate_ + 2 * 64'000);
}

TEST_F(LimitsTest, TheSlowestRateHoldsAfterAPause) {
  rate_ = 1250;  // 10 kbit/s
  Capacity capacity(rate_);
  Instant now = now_;
  for (int i = 1; i <= 40; ++i) {
    now += Millis(20);
    capacity.NoteLimited(now);
    capacity.Handle({.now = now,
                     .sent = now - Millis(10 + 2 * i),
                     .arrived = now.time_since_epoch(),
                     .bytes = static_cast<uint64_t>(25 * i)});
  }
  for (int i = 0; i < 100; ++i) ASSERT_LE(capacity.pace(now + Millis(200 * i)), 1250.0);
  capacity.Restart(now);
  EXPECT_LE(capacity.pace(now), 1250.0);
}

// What the peer lets come in says nothing of the link: a rate of its own is trusted, the peer's is not.
TEST(Limits, AToldRateBoundsAndIsNoCapacity) {
  EXPECT_EQ(BondPath({.max_rate = 10'000'000}).capacity.pace(At(1)), 9.9e6);
  EXPECT_EQ(BondPath({.told_rate = 10'000'000}).capacity.pace(At(1)), Capacity::kFirst);
  EXPECT_EQ(BondPath({.told_rate = 100'000}).capacity.pace(At(1)), 99e3);
  EXPECT_EQ(BondPath({.max_rate = 200'000, .told_rate = 100'000}).capacity.pace(At(1)), 99e3);
  EXPECT_EQ(BondPath({.max_rate = 100'000, .told_rate = 200'000}).capacity.pace(At(1)), 99e3);
}

TEST(Limits, AToldRateIsKeptUntilItIsTakenBack) {
  World world;
  world.AddLink({.rates = {Mbit(20)}, .delay = Millis(10)});
  const uint16_t flow = world.AddFlow({});
  world.Stream(flow, Mbit(18), true, At(0), At(30));
  uint64_t before = 0, bounded = 0, after = 0, lifted = 0;
  const auto note = [&](double at, uint64_t* bytes) {
    world.time().At(At(at), [&world, bytes] { *bytes = world.link(0).sent_bytes(); });
  };
  world.time().At(At(5), [&] { world.SetToldRate(0, 1'000'000); });
  note(6, &before);
  note(16, &bounded);
  world.time().At(At(16), [&] { world.SetToldRate(0, 0); });
  note(20, &after);
  note(30, &lifted);
  world.Count(At(0), At(30));
  world.Run();
  EXPECT_LE(bounded - before, 10'050'000u);
  EXPECT_GE(bounded - before, 9'500'000u);
  EXPECT_GE(lifted - after, 10 * 0.9 * Mbit(18));
}

// --- Turns. ---

TEST_F(LimitsTest, ATunnelThatWasAloneOwesNothing) {
  SetPaths(0b01);
  SetFlow(1, {.mode = TunnelMode::kStripe});
  SetFlow(2, {.mode = TunnelMode::kStripe});
  const auto wait = [&](uint16_t flow, uint32_t size, uint32_t times) {
    for (uint32_t i = 0; i < times; ++i) Wait(flow, size);
  };
  wait(1, 60'000, 300);
  Run(now_ + Millis(10'000));
  uint64_t bytes[3] = {};
  wait(2, 1000, 5000);
  for (const Grant& left : Run(now_ + Millis(5'000))) bytes[left.flow] += left.size;
  EXPECT_GE(bytes[1], bytes[2] / 2);
}

// --- Paths that fall silent and are never named again. ---

TEST_F(LimitsTest, APathWhoseFirstPacketWasLostIsTriedAgain) {
  SetFlow(1, {.mode = TunnelMode::kStripe}, 0b01);
  SetFlow(2, {.mode = TunnelMode::kStripe}, 0b10);
  SetFlow(3, {.mode = TunnelMode::kStripe});
  Grant grant;
  ASSERT_EQ(Offer(&grant, 2), Bond::Fate::kGranted);
  Leave(grant);  // the peer never sees it
  PathMask used = 0;
  for (int i = 0; i < 1000; ++i) {
    Run(now_ + Millis(20));
    if (Offer(&grant, 3, 100) != Bond::Fate::kGranted) continue;
    if (now_ > At(102)) used |= grant.paths;
    const uint64_t counter = Leave(grant);
    now_ += Millis(1);
    if ((grant.paths & 1) != 0) Tell(0, counter);
  }
  EXPECT_EQ(used, 0b11u);
}

// --- Little traffic. ---

TEST(Limits, APathThatIsBackProvesItselfByAPayloadASecond) {
  World world;
  world.AddLink({.rates = {Mbit(20)}, .delay = Millis(10)}, 1);
  world.AddLink({.rates = {Mbit(20)}, .delay = Millis(30)}, 2);
  const uint16_t flow = world.AddFlow({.policy = {.mode = TunnelMode::kBackup}});
  world.Stream(flow, kPayload, true, At(1), At(30));
  world.time().At(At(5.5), [&] { world.SetPaths(0b01); });
  world.time().At(At(8.5), [&] { world.SetPaths(); });
  uint64_t metered = 0;
  world.time().At(At(15), [&] { metered = world.link(1).sent_bytes(); });
  world.Count(At(1), At(30));
  world.Run();
  EXPECT_GT(metered, 0u);
  EXPECT_EQ(world.link(1).sent_bytes(), metered);
  EXPECT_EQ(world.result(flow).missing(), 0u);
}

// A flood that loses more than it may send again leaves a light flow what that needs.
TEST(BondLimits, EachFlowHasItsOwnShareOfResends) {
  World world(11);
  for (const double rate : {50.0, 20.0, 5.0})
    world.AddLink({.rates = {Mbit(rate)}, .delay = Millis(rate > 20 ? 10 : 30)});
  const config::TunnelPolicy policy{
      .mode = config::TunnelMode::kStripe, .order = Millis(100), .resend = Millis(400)};
  const uint16_t flood = world.AddFlow({.policy = policy, .deadline = Millis(400)});
  const uint16_t light = world.AddFlow({.policy = policy, .deadline = Millis(400)});
  world.link(0).Die(At(10), At(14));
  world.Count(At(8), At(14));
  world.Stream(flood, Mbit(66), false, {}, At(14));
  world.Stream(light, Mbit(1.5), true, {}, At(14));
  world.Run();
  EXPECT_GT(world.bond().StatusOf(flood).lost, 0u);
  EXPECT_EQ(world.result(light).missing(), 0u);
}

}  // namespace
}  // namespace warp::bonding
