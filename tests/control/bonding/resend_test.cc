// What was lost goes again, by the path on which it arrives first, and waits for nothing else.
#include <gtest/gtest.h>

#include <vector>

#include "tests/control/bonding/bare_bond.h"

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

}  // namespace
}  // namespace warp::bonding
