// What was lost goes again, by the path on which it arrives first, and waits for nothing else.
#include <gtest/gtest.h>

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
