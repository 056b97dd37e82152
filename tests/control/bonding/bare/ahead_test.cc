// What of a tunnel goes ahead of the rest: small payloads that others wait for.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <vector>

#include "tests/control/bonding/bare/bare_bond.h"

namespace warp::bonding {
namespace {

config::TunnelPolicy Stripe(uint32_t weight = 1) {
  return {.mode = config::TunnelMode::kStripe, .resend = Millis(900), .weight = weight};
}

constexpr uint16_t kTunnel = 1, kOther = 2, kFirst = kTunnel | kAhead;

class AheadTest : public BareBondTest {
 protected:
  AheadTest() { SetFlow(kTunnel, Stripe()); }
  void OnePath() {
    rate_ = 100'000;
    SetPaths(0b01);
  }
  static uint64_t BytesOf(const std::vector<Grant>& left, uint16_t flow) {
    uint64_t bytes = 0;
    for (const Grant& grant : left) bytes += grant.flow == flow ? grant.size : 0;
    return bytes;
  }
};

TEST_F(AheadTest, WaitsForATurnAndKeepsItsOrder) {
  OnePath();
  for (int i = 0; i < 50; ++i) Wait(kTunnel, 1000);  // half a second
  for (int i = 0; i < 3; ++i) Wait(kFirst, 100);
  const std::vector<Grant> left = Run(now_ + Millis(100));
  ASSERT_GE(left.size(), 7u);
  std::vector<uint64_t> ahead, before;
  for (size_t i = 0; i < left.size(); ++i) {
    if (left[i].flow == kFirst) {
      ahead.push_back(left[i].number);
      before.push_back(i);
    }
  }
  EXPECT_EQ(ahead, (std::vector<uint64_t>{50, 51, 52}));
  EXPECT_LE(before.back(), kQuantum / 1000 + 2);
}

// However many of them there are, the rest of the tunnel has its half, and another tunnel its own part.
TEST_F(AheadTest, AFloodOfThemStopsNobody) {
  OnePath();
  SetFlow(kOther, Stripe());
  for (int i = 0; i < 200; ++i) {
    for (const uint16_t flow : {kTunnel, kFirst, kOther}) Wait(flow, 1000);
  }
  const std::vector<Grant> left = Run(now_ + Millis(1000));
  const double third = static_cast<double>(left.size()) * 1000 / 3;
  EXPECT_GT(third, 30'000);
  for (const uint16_t flow : {kTunnel, kFirst, kOther})
    EXPECT_NEAR(static_cast<double>(BytesOf(left, flow)), third, 4000) << flow;
}

// Those who wait in line are dropped as before, and what goes ahead is not.
TEST_F(AheadTest, TheQueueOfTheRestDropsNothingOfThem) {
  OnePath();
  int dropped = 0;
  const auto send = [this](uint16_t flow, uint32_t size) {
    Grant grant;
    const Bond::Fate fate = Offer(&grant, flow, size);
    if (fate == Bond::Fate::kGranted) Pay(grant);
    return fate != Bond::Fate::kDropped;
  };
  for (int ms = 0; ms < 3000; ++ms) {
    dropped += send(kTunnel, 300) ? 0 : 1;  // three times the rate
    if (ms % 50 == 0) {
      EXPECT_TRUE(send(kFirst, 100)) << ms;
    }
    Run(now_ + Millis(1));
  }
  EXPECT_GT(dropped, 10);
  EXPECT_EQ(bond_.StatusOf(kTunnel).dropped, static_cast<uint64_t>(dropped));
  EXPECT_EQ(bond_.StatusOf(kTunnel).offered, 3060u);
  EXPECT_EQ(bond_.StatusOf(kTunnel).ahead, 60u);
}

// A tunnel has no more of a port that several peers share because some of it goes ahead.
TEST_F(AheadTest, ATunnelCountsOnce) {
  OnePath();
  SetFlow(kTunnel, Stripe(4));
  const auto told = [this] {
    std::vector<PathUse> uses;
    bond_.TakeUses(now_, uses);
    return uses.at(0).weight;
  };
  for (const uint16_t flow : {kTunnel, kFirst}) {
    for (int i = 0; i < 20; ++i) Wait(flow, 1000);
  }
  EXPECT_EQ(told(), 4);
  Run(now_ + Millis(100));
  EXPECT_EQ(told(), 4);
  SetFlow(kTunnel, Stripe(2));
  Run(now_ + Millis(1000));
  EXPECT_EQ(told(), 2);
  EXPECT_EQ(told(), 1);
}

// The peer would not know one that it has: it is settled, and costs no resend.
TEST_F(AheadTest, WhatIsLostIsNotSentAgain) {
  SetPaths(0b01);
  SaveForResends();
  Grant grant;
  std::vector<uint64_t> counters;
  const auto send = [&](uint16_t flow) {
    ASSERT_EQ(Offer(&grant, flow), Bond::Fate::kGranted);
    counters.push_back(Leave(grant));
    Run(now_ + Millis(20));
  };
  send(kFirst);
  const uint64_t lost = grant.number;
  for (int i = 0; i < 5; ++i) send(kTunnel);
  Tell(0, counters.back(), {counters.front()});
  const std::vector<Grant> left = Run(now_ + Millis(300));
  EXPECT_TRUE(std::none_of(left.begin(), left.end(), [](const Grant& one) { return one.again; }));
  EXPECT_NE(std::find(settled_.begin(), settled_.end(), lost), settled_.end());
  EXPECT_EQ(bond_.StatusOf(kTunnel).lost, 1u);
  EXPECT_EQ(bond_.StatusOf(kTunnel).resent, 0u);
}

// What cannot be sent again goes by a second path where the first one loses; a payload in line does not.
TEST_F(AheadTest, GoesTwiceWherePathsLose) {
  SetFlow(3, Stripe(), 0b01);
  SetFlow(4, Stripe(), 0b10);
  const auto paths_of = [this](uint16_t flow) {
    Grant grant;
    EXPECT_EQ(Offer(&grant, flow, 100), Bond::Fate::kGranted);
    Pay(grant);
    Run(now_ + Millis(50));
    return std::popcount(grant.paths);
  };
  EXPECT_EQ(paths_of(kFirst), 1);
  std::vector<uint64_t> lost;
  for (int round = 0; round < 10; ++round) {
    for (const wire::PathSlot slot : {0, 1}) {
      uint64_t newest = 0;
      for (int i = 0; i < 6; ++i) {
        Grant grant;
        ASSERT_EQ(Offer(&grant, static_cast<uint16_t>(3 + slot), 100), Bond::Fate::kGranted);
        newest = Leave(grant);
        if (i == 1) lost.push_back(newest);
        now_ += Millis(10);
      }
      Tell(slot, newest, lost);
      Run(now_ + Millis(1));  // what was lost goes again
    }
  }
  Run(now_ + Millis(500));
  EXPECT_EQ(paths_of(kFirst), 2);
  EXPECT_EQ(paths_of(kTunnel), 1);
}

}  // namespace
}  // namespace warp::bonding
