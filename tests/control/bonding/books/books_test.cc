// What was lost waits in its flow's queue, while something else happens to the flow or to the path.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "tests/control/bonding/bare/bare_bond.h"
#include "tests/control/bonding/books/bond_books.h"

namespace warp::bonding {
namespace {

config::TunnelPolicy Stripe(double resend, uint32_t weight = 1) {
  return {.mode = config::TunnelMode::kStripe, .resend = Millis(resend), .weight = weight};
}

class BooksTest : public BareBondTest {
 protected:
  BooksTest() {
    rate_ = 100'000;
    SetPaths(0b01);
    SetFlow(1, Stripe(150));
    SaveForResends();
  }
  // A payload of each of these tunnels is lost on the first path, whose clock is closed then, and waits there.
  void Lose(uint16_t first, uint16_t last) {
    std::vector<uint64_t> lost;
    for (uint16_t flow = first; flow <= last; ++flow) {
      lost.push_back(Leave({.flow = flow,
                            .number = number_++,
                            .size = 100,
                            .taken = now_,
                            .deadline = now_ + Millis(1000),
                            .paths = 0b01}));
    }
    now_ += Millis(10);
    const uint64_t newest =
        Leave({.flow = first, .number = number_++, .size = 10, .taken = now_, .paths = 0b01});
    now_ += Millis(20);
    bond_.Charge(now_, 0b01, 5'000);  // 50 ms
    Tell(0, newest, lost);
  }

  BondBooks books_{bond_};
};

// The weights of those who wait were not those that waited: everybody else's wait was reckoned from that.
TEST_F(BooksTest, AWeightChangesWhileOnlyAResendWaits) {
  Lose(1, 1);
  ASSERT_EQ(books_.WaitingAgain(), 1u);
  SetFlow(1, Stripe(150, 100));
  EXPECT_EQ(books_.WaitingWeight(0), 100u);
  EXPECT_EQ(books_.Wrong(), "");
  bond_.SetFlow(now_, 1, {});  // its tunnel is gone
  EXPECT_EQ(books_.Wrong(), "");
  Run(now_ + Millis(200));
  EXPECT_EQ(books_.WaitingWeight(0), 0u);
  EXPECT_EQ(books_.Wrong(), "");
}

// The tunnel keeps its bytes until it is told the end of it, and it is of use for longer now.
TEST_F(BooksTest, AResendThatIsOfUseForLongerNowIsSentAgain) {
  Lose(1, 1);
  SetFlow(1, Stripe(900));
  now_ += Millis(200);
  Run(now_ + Millis(100));
  EXPECT_EQ(bond_.StatusOf(1).resent, 1u);
}

// Another path in the place of one that has gone knows nothing of the rounds there: they were taken for what the flow
// owes, so that it had no turn for long.
TEST_F(BooksTest, ANewPathInAnOldPlaceForgivesDebts) {
  SetFlow(2, Stripe(0));
  for (int i = 0; i < 400; ++i) {
    Wait(1, 40);
    Wait(2, 3000);
  }
  Run(now_ + Millis(14'000));
  ASSERT_EQ(books_.Waiting(), 0u);
  const PathSpec path{.id = 77, .slot = 0, .max_rate = rate_, .round_trip = Millis(20)};
  bond_.SetPaths(now_, {&path, 1});
  for (int round = 0; round < 20; ++round) {
    for (const uint16_t flow : {1, 2}) {
      Wait(flow, 1000);
      EXPECT_GE(books_.Deficit(flow, 0), -20'000) << "flow " << flow << " round " << round;
      Wait(flow, 1000);
    }
    Run(now_ + Millis(60));
  }
}

// What could not be submitted is there at once, though others are held back.
TEST_F(BooksTest, WhatComesBackWaitsForNobodyWhoIsHeldBack) {
  SetFlow(2, Stripe(0));
  Wait(1, 100);
  Wait(2, 100);
  const auto grant = bond_.Next(now_);
  ASSERT_TRUE(grant.has_value() && grant->flow == 1);
  bond_.HoldBack(2, now_ + Millis(500));
  ASSERT_FALSE(bond_.Next(now_).has_value());
  bond_.NoteUnsent(now_, *grant);
  EXPECT_LE(bond_.NextTimeout(), now_);
}

TEST_F(BooksTest, WhatComesBackToAPathThatHasGoneTakesAnother) {
  SetPaths(0b11);
  SetFlow(1, Stripe(150), 0b01);
  Wait(1, 100);
  SetFlow(1, Stripe(150));
  const auto grant = bond_.Next(now_);
  ASSERT_TRUE(grant.has_value());
  SetPaths(0b10);
  bond_.NoteUnsent(now_, *grant);
  EXPECT_EQ(Run(now_ + Millis(100)).size(), 1u);
}

// Each of thousands of tunnels has one resend for a path that goes, and each second one a payload.
TEST_F(BooksTest, ThousandsOfTunnelsWithOneResendEach) {
  constexpr uint16_t kFirst = 1000, kLast = 3999;
  for (uint16_t flow = kFirst; flow <= kLast; ++flow) SetFlow(flow, Stripe(900));
  Lose(kFirst, kLast);
  ASSERT_EQ(books_.WaitingAgain(), kLast - kFirst + 1u);
  for (uint16_t flow = kFirst; flow <= kLast; flow += 2) Wait(flow, 5000);
  SetPaths(0b10);
  EXPECT_EQ(books_.Wrong(), "");
  const std::vector<Grant> left = Run(now_ + Millis(500));
  EXPECT_EQ(books_.Wrong(), "");
  EXPECT_FALSE(left.empty());
}

// One of them may send, is light, and owes many turns; the others are held back, and owe nothing.
TEST_F(BooksTest, ThousandsThatAreHeldBackAreNotLookedAtForEachTurn) {
  constexpr uint16_t kFirst = 1000, kMany = 3000;
  SetFlow(999, Stripe(0, 1000));  // the heaviest, which sends nothing
  for (uint16_t i = 0; i < kMany; ++i) {
    SetFlow(kFirst + i, Stripe(0));
    Wait(kFirst + i, 1000);
    bond_.HoldBack(kFirst + i, now_ + Millis(100'000));
  }
  for (int i = 0; i < 100; ++i) Wait(1, 1400);
  const uint64_t before = books_.FlowsLookedAt();
  const size_t left = Run(now_ + Millis(1000)).size();
  EXPECT_GE(left, 50u);
  // Some rounds for each payload, and as many for each time that nothing was due.
  EXPECT_LE(books_.FlowsLookedAt() - before, uint64_t{20} * kMany * (left + 1000));
  EXPECT_EQ(books_.Wrong(), "");
}

// A receiver that says for ever that all of one tunnel was lost: resends keep to their part, and another tunnel to its
// own; nothing grows.
TEST_F(BooksTest, WhoLosesEverythingForEverTakesNothingFromOthers) {
  SetFlow(1, Stripe(900));
  SetFlow(2, Stripe(900));
  uint64_t sent[2] = {}, again = 0;
  size_t most = 0;
  std::vector<uint64_t> lost;
  for (int ms = 0; ms < 5000; ++ms) {
    const auto leave = [&](const Grant& grant) {
      const uint64_t counter = Leave(grant);
      if (grant.flow == 1) lost.push_back(counter);
      if (grant.again) again += grant.size;
      sent[grant.flow - 1] += grant.size;
    };
    bond_.HandleTimeout(now_);
    while (const auto grant = bond_.Next(now_)) leave(*grant);
    for (const uint16_t flow : {1, 2}) {
      Grant grant;
      if (Offer(&grant, flow) == Bond::Fate::kGranted) leave(grant);
    }
    if (ms % 20 == 19) {
      Tell(0, counter_ - 1, lost);
      lost.clear();
    }
    most = std::max(most, books_.Waiting());
    ASSERT_EQ(books_.Wrong(), "");
    now_ += Millis(1);
  }
  EXPECT_NEAR(static_cast<double>(sent[1]), 250e3, 15e3);
  EXPECT_NEAR(static_cast<double>(sent[0]), 250e3, 15e3);
  EXPECT_LE(static_cast<double>(again), 0.1 * static_cast<double>(sent[0]) + 60e3);
  EXPECT_LE(most, 1500u);
}

}  // namespace
}  // namespace warp::bonding
