// What was lost goes again, by the path on which it arrives first, and waits for nothing else of its tunnel.
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "tests/control/bonding/bare/bare_bond.h"

namespace warp::bonding {
namespace {

using config::TunnelMode;

class ResendTest : public BareBondTest {
 protected:
  // The tunnel's payload is lost on its only path.
  void Lose(uint16_t flow, wire::PathSlot slot) {
    Grant grant;
    ASSERT_EQ(Offer(&grant, flow), Bond::Fate::kGranted);
    const uint64_t lost = Leave(grant);
    now_ += Millis(10);
    ASSERT_EQ(Offer(&grant, flow, 100), Bond::Fate::kGranted);
    const uint64_t newest = Leave(grant);
    now_ += Millis(20);
    Tell(slot, newest, {lost});
  }
};

TEST_F(ResendTest, AFullPathHoldsUpNoOtherOnes) {
  rate_ = 100'000;
  SetPaths(0b11);
  SetFlow(1, {.mode = TunnelMode::kStripe, .resend = Millis(900)}, 0b01);
  SetFlow(2, {.mode = TunnelMode::kStripe, .resend = Millis(900)}, 0b10);
  SaveForResends();
  Lose(1, 0);
  Lose(2, 1);
  bond_.Charge(now_, 0b01, 100'000);
  std::vector<Grant> left = Run(now_ + Millis(1));
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].flow, 2);
  EXPECT_EQ(left[0].paths, 0b10u);
  left = Run(now_ + Millis(500));
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].flow, 1);
}

// A resend that waits for a path that goes away takes another one.
TEST_F(ResendTest, OneThatWaitsForAPathThatGoesTakesAnother) {
  rate_ = 100'000;
  SetPaths(0b11);
  SetFlow(1, {.mode = TunnelMode::kStripe, .resend = Millis(900)}, 0b01);
  SaveForResends();
  Lose(1, 0);
  bond_.Charge(now_, 0b11, 100'000);
  SetFlow(1, {.mode = TunnelMode::kStripe, .resend = Millis(900)}, 0b11);
  SetPaths(0b10);
  const std::vector<Grant> left = Run(now_ + Millis(500));
  ASSERT_EQ(left.size(), 1u);
  EXPECT_TRUE(left[0].again);
  EXPECT_EQ(left[0].paths, 0b10u);
}

// Those of one path follow each other at its pace, and what else waits there comes after them.
TEST_F(ResendTest, ResendsKeepThePaceOfTheirPath) {
  rate_ = 100'000;
  SetPaths(0b01);
  SetFlow(1, {.mode = TunnelMode::kStripe, .resend = Millis(900)});
  SaveForResends();
  std::vector<uint64_t> lost;
  Grant grant;
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(Offer(&grant, 1), Bond::Fate::kGranted);
    lost.push_back(Leave(grant));
    now_ += Millis(20);
  }
  ASSERT_EQ(Offer(&grant, 1), Bond::Fate::kGranted);
  const uint64_t newest = Leave(grant);
  now_ += Millis(20);
  Tell(0, newest, lost);
  Wait(1, 1000);
  const std::vector<Grant> left = Run(now_ + Millis(35));
  ASSERT_GE(left.size(), 3u);
  EXPECT_LE(left.size(), 5u);
  for (const Grant& one : left) EXPECT_TRUE(one.again);
}

// Of two tunnels one has lost much, and all of it goes again by a slow path: 280 ms of it. The other one has its turns
// there all the same, is not told that it would wait for longer, and its own loss goes first.
class ManyLostTest : public ResendTest {
 protected:
  static constexpr int kLost = 28;

  ManyLostTest() {
    rate_ = 100'000;
    SetPaths(0b11);
    SetFlow(1, {.mode = TunnelMode::kStripe, .resend = Millis(900)}, 0b01);
    SetFlow(2, {.mode = TunnelMode::kStripe, .resend = Millis(900)}, 0b01);
    SaveForResends();
  }
  // Of what the tunnels have sent by the fast path, so much arrives.
  void LoseMany(int of_second) {
    std::vector<uint64_t> lost;
    Grant grant;
    for (int i = 0; i < kLost + of_second; ++i) {
      ASSERT_EQ(Offer(&grant, i < kLost ? 1 : 2), Bond::Fate::kGranted);
      lost.push_back(Leave(grant));
      now_ += Millis(20);
    }
    ASSERT_EQ(Offer(&grant, 1, 100), Bond::Fate::kGranted);
    const uint64_t newest = Leave(grant);
    now_ += Millis(20);
    SetFlow(1, {.mode = TunnelMode::kStripe, .resend = Millis(9000)}, 0b11);
    SetFlow(2, {.mode = TunnelMode::kStripe, .resend = Millis(9000)}, 0b11);
    Tell(0, newest, lost);
    for (const uint16_t flow : {1, 2})
      SetFlow(flow, {.mode = TunnelMode::kStripe, .resend = Millis(9000)}, 0b10);
  }
};

TEST_F(ManyLostTest, ByOneTunnelMakeNoOtherOneWait) {
  LoseMany(0);
  Grant grant{.flow = 2, .number = number_++, .size = 1000, .taken = now_};
  grant.deadline = now_ + Millis(100);
  ASSERT_EQ(bond_.Offer(now_, &grant), Bond::Fate::kQueued);
  const std::vector<Grant> left = Run(now_ + Millis(100));
  EXPECT_EQ(std::count_if(left.begin(), left.end(), [](const Grant& one) { return one.flow == 2; }),
            1);
}

TEST_F(ManyLostTest, AreOfTheirTunnelsTurns) {
  LoseMany(0);
  for (int i = 0; i < 20; ++i) Wait(2, 1000);
  for (int i = 0; i < 20; ++i) Wait(1, 1000);
  int second = 0;
  const std::vector<Grant> left = Run(now_ + Millis(200));
  for (const Grant& one : left) {
    if (one.flow == 2) ++second;
    EXPECT_TRUE(one.flow == 2 || one.again);
  }
  ASSERT_GE(left.size(), 15u);
  EXPECT_NEAR(second, static_cast<int>(left.size()) / 2, 3);
}

TEST_F(ManyLostTest, TheOneThatHasLostLittleHasItsResendFirst) {
  LoseMany(1);
  const std::vector<Grant> left = Run(now_ + Millis(80));
  EXPECT_TRUE(std::any_of(left.begin(), left.end(),
                          [](const Grant& one) { return one.flow == 2 && one.again; }));
}

// --- Sessions. ---

// Each payload of a lossy line is sent again until it arrives, whatever session was in use when it was lost.
uint64_t MissingWithRekeys(Duration tells_of_before) {
  World world;
  world.AddLink({.rates = {Mbit(20)}, .delay = Millis(10), .loss = 0.02});
  world.AddLink({.rates = {Mbit(10)}, .delay = Millis(25), .loss = 0.02});
  world.receiver().tells_of_before = tells_of_before;
  const uint16_t flow = world.AddFlow(
      {.policy = {.mode = TunnelMode::kStripe, .resend = Millis(900)}, .deadline = Millis(1000)});
  for (int i = 0; i < 30; ++i) world.time().At(At(5 + i / 2.0), [&] { world.Rekey(); });
  world.Stream(flow, Mbit(15), false, At(1), At(21));
  world.Count(At(2), At(21));
  world.Run();
  EXPECT_GT(world.bond().StatusOf(flow).resent, 100u);
  EXPECT_EQ(world.bond().impossible(), 0u);
  EXPECT_LT(world.unsettled(), 2u);
  return world.result(flow).missing();
}

TEST(Resend, ANewSessionLosesNothing) { EXPECT_EQ(MissingWithRekeys(Millis(500)), 0u); }

// What nobody tells of is sent again.
TEST(Resend, NorWhereThePeerTellsOfTheNewestSessionAlone) { EXPECT_EQ(MissingWithRekeys({}), 0u); }

// An old session's feedback settles what it names alone, and is no news of any path.
TEST_F(ResendTest, FeedbackOfTheSessionBeforeSettlesWhatItNames) {
  SetFlow(1, {.mode = TunnelMode::kStripe, .resend = Millis(900)}, 0b01);
  SaveForResends();
  Grant grant;
  std::vector<uint64_t> old;
  for (int i = 0; i < 3; ++i) {
    ASSERT_EQ(Offer(&grant, 1), Bond::Fate::kGranted);
    old.push_back(Leave(grant));
    now_ += Millis(10);
  }
  session_ = 2;
  counter_ = 1;
  ASSERT_EQ(Offer(&grant, 1), Bond::Fate::kGranted);
  const uint64_t fresh = Leave(grant);
  now_ += Millis(20);
  Tell(0, fresh);
  EXPECT_EQ(settled_.size(), 1u);
  EXPECT_TRUE(Run(now_ + Millis(1)).empty());
  protocol::Feedback before{.time = static_cast<uint32_t>(now_.time_since_epoch().count() / 1000)};
  before.words = {~(uint32_t{1} << old[1])};
  bond_.HandleFeedback(now_, 1, before);
  EXPECT_EQ(settled_.size(), 3u);
  const std::vector<Grant> left = Run(now_ + Millis(10));
  ASSERT_EQ(left.size(), 1u);
  EXPECT_TRUE(left[0].again);
}

}  // namespace
}  // namespace warp::bonding
