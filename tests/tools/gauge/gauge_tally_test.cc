#include "tools/gauge/gauge_tally.h"

#include <gtest/gtest.h>

#include <vector>

namespace warp::tools {
namespace {

constexpr uint64_t kMs = 1'000'000;

// A receiver whose clock the test moves.
class GaugeTallyTest : public testing::Test {
 protected:
  bool Arrive(GaugeTally& tally, uint64_t sequence, uint64_t latency = kMs, uint64_t run = 7) {
    std::vector<uint8_t> datagram(100);
    WriteGauge({run, sequence, now_ - latency}, datagram);
    return tally.Receive(now_, datagram);
  }
  uint64_t now_ = 1'000'000 * kMs;
};

TEST_F(GaugeTallyTest, CountsWhatCameOnceTwiceAndLate) {
  GaugeTally tally(7);
  for (const uint64_t sequence : {0, 1, 3, 2, 3, 3, 6}) Arrive(tally, sequence);
  EXPECT_EQ(tally.received(), 5u);
  EXPECT_EQ(tally.highest(), 7u);
  EXPECT_EQ(tally.duplicated(), 2u);
  EXPECT_EQ(tally.reordered(), 1u);
  EXPECT_EQ(tally.latency().count(), 5u);
}

TEST_F(GaugeTallyTest, TheLongestGapIsBetweenArrivalsThatAreNoDuplicates) {
  GaugeTally tally(7);
  Arrive(tally, 0);
  now_ += 10 * kMs;
  Arrive(tally, 1);
  now_ += 20 * kMs;
  Arrive(tally, 1);
  now_ += 5 * kMs;
  Arrive(tally, 2);
  EXPECT_EQ(tally.longest_gap(), 25 * kMs);
}

TEST_F(GaugeTallyTest, SilenceBeforeTheSendersEndIsAGapAndAfterwardsNone) {
  GaugeTally tally(7);
  Arrive(tally, 0);
  now_ += 40 * kMs;
  tally.SenderStopped(now_);
  EXPECT_EQ(tally.longest_gap(), 40 * kMs);
  now_ += 500 * kMs;
  Arrive(tally, 1);
  EXPECT_EQ(tally.longest_gap(), 40 * kMs);
  EXPECT_EQ(tally.received(), 2u);
}

TEST_F(GaugeTallyTest, WhatIsNotOfItsRunIsStale) {
  GaugeTally tally(7);
  EXPECT_FALSE(Arrive(tally, 0, kMs, 8));
  EXPECT_EQ(tally.stale(), 1u);
  EXPECT_EQ(tally.received(), 0u);
}

TEST_F(GaugeTallyTest, WithoutARunItTakesTheFirstAndBeginsAnewWithTheNext) {
  GaugeTally tally;
  EXPECT_TRUE(Arrive(tally, 4, kMs, 8));
  EXPECT_FALSE(Arrive(tally, 5, kMs, 8));
  EXPECT_TRUE(Arrive(tally, 0, kMs, 9));
  EXPECT_EQ(tally.received(), 1u);
  EXPECT_EQ(tally.highest(), 1u);
  // A late datagram of the old run does not bring that run back.
  EXPECT_FALSE(Arrive(tally, 6, kMs, 8));
  EXPECT_EQ(tally.stale(), 1u);
  EXPECT_EQ(tally.received(), 1u);
}

TEST_F(GaugeTallyTest, HarmedAndForeignDatagramsChangeNothingElse) {
  GaugeTally tally(7);
  std::vector<uint8_t> datagram(100);
  WriteGauge({7, 0, now_}, datagram);
  datagram[99] ^= 1;
  tally.Receive(now_, datagram);
  tally.Receive(now_, std::vector<uint8_t>{1, 2, 3});
  Arrive(tally, GaugeTally::kMaxSequence);  // this number would need memory without bound
  EXPECT_EQ(tally.corrupt(), 2u);
  EXPECT_EQ(tally.foreign(), 1u);
  EXPECT_EQ(tally.received(), 0u);
  EXPECT_EQ(tally.highest(), 0u);
}

TEST_F(GaugeTallyTest, ATimeInTheFutureIsNoLatency) {
  GaugeTally tally(7);
  std::vector<uint8_t> datagram(100);
  WriteGauge({7, 0, now_ + 1}, datagram);
  tally.Receive(now_, datagram);
  EXPECT_EQ(tally.received(), 1u);
  EXPECT_EQ(tally.latency().count(), 0u);
}

TEST_F(GaugeTallyTest, TheTimelineCountsArrivalsByInterval) {
  GaugeTally tally;
  tally.KeepTimeline(10 * kMs);
  const uint64_t first = now_;
  for (const uint64_t sequence : {0, 1, 1}) Arrive(tally, sequence);
  now_ += 9 * kMs;
  Arrive(tally, 2);
  now_ = first + 35 * kMs;
  Arrive(tally, 3);
  EXPECT_EQ(tally.first_arrival(), first);
  EXPECT_EQ(tally.timeline(), (std::vector<uint32_t>{3, 0, 0, 1}));
  // A new run begins a timeline of its own.
  Arrive(tally, 0, kMs, 8);
  EXPECT_EQ(tally.first_arrival(), now_);
  EXPECT_EQ(tally.timeline(), (std::vector<uint32_t>{1}));
}

}  // namespace
}  // namespace warp::tools
