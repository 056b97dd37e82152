#include "control/tunnel/bond/sent_payloads.h"

#include <gtest/gtest.h>

#include <chrono>
#include <deque>

namespace warp::control {
namespace {

using std::chrono::milliseconds;

wire::Instant At(int ms) { return wire::Instant(milliseconds(ms)); }

SentPayloads::Sent Of(size_t size, int until) {
  return {.bytes = std::vector<uint8_t>(size), .until = At(until)};
}

TEST(SentPayloads, AreKeptUntilTheyArriveOrAreTooOld) {
  SentPayloads sent;
  sent.Keep(1, Of(10, 100));
  sent.Keep(2, Of(20, 110));
  sent.Keep(3, Of(30, 120));
  sent.Forget(2);
  EXPECT_EQ(sent.Find(2), nullptr);
  EXPECT_EQ(sent.bytes(), 40u + 2 * SentPayloads::kEntry);
  sent.Expire(At(100));
  EXPECT_EQ(sent.Find(1), nullptr);
  ASSERT_NE(sent.Find(3), nullptr);
  EXPECT_EQ(sent.Find(3)->bytes.size(), 30u);
  sent.Expire(At(120));
  EXPECT_EQ(sent.size(), 0u);
  EXPECT_EQ(sent.bytes(), 0u);
}

TEST(SentPayloads, OneThatIsKeptAnewLivesLonger) {
  SentPayloads sent;
  sent.Keep(1, Of(10, 100));
  sent.Keep(1, Of(12, 200));
  EXPECT_EQ(sent.bytes(), 12u + SentPayloads::kEntry);
  sent.Expire(At(150));
  EXPECT_NE(sent.Find(1), nullptr);
}

TEST(SentPayloads, TheOldestGoWhereThereIsNoRoom) {
  SentPayloads sent;
  constexpr size_t kLarge = 60000;
  for (uint64_t i = 0; i < 1000; ++i) {
    sent.Keep(i, Of(kLarge, 1000));
    EXPECT_LE(sent.bytes(), SentPayloads::kMaxBytes);
  }
  EXPECT_EQ(sent.Find(0), nullptr);
  EXPECT_NE(sent.Find(999), nullptr);
  EXPECT_EQ(sent.size(), SentPayloads::kMaxBytes / (kLarge + SentPayloads::kEntry));
  EXPECT_EQ(sent.by_room(), 1000 - sent.size());
}

TEST(SentPayloads, EmptyOnesTakeRoomToo) {
  SentPayloads sent;
  for (uint64_t i = 0; i < 1'000'000; ++i) sent.Keep(i, Of(0, 1000));
  EXPECT_LE(sent.size(), SentPayloads::kMaxBytes / SentPayloads::kEntry);
}

TEST(SentPayloads, WhatHasArrivedLeavesNothingBehind) {
  SentPayloads sent;
  for (uint64_t i = 0; i < 100'000; ++i) {
    sent.Keep(i, Of(10, 1000));
    if (i >= 10) sent.Forget(i - 10);
  }
  EXPECT_EQ(sent.size(), 10u);
  EXPECT_LT(sent.places(), 200u);
}

// Many tunnels whose peers tell nothing, and one with little to keep.
TEST(SentPayloads, AllTunnelsTogetherKeepNoMoreThanTwiceTheRoom) {
  constexpr size_t kRoom = 1'000'000;
  SharedRoom room(kRoom);
  {
    std::deque<SentPayloads> tunnels;
    for (int i = 0; i < 100; ++i) tunnels.emplace_back(&room);
    tunnels[0].Keep(0, Of(1000, 1000));
    for (uint64_t number = 1; number < 1000; ++number) {
      for (size_t i = 1; i < tunnels.size(); ++i) tunnels[i].Keep(number, Of(1000, 1000));
      ASSERT_LE(room.used(), 2 * kRoom);
    }
    EXPECT_NE(tunnels[0].Find(0), nullptr);
    EXPECT_EQ(tunnels[0].by_room(), 0u);
    EXPECT_EQ(tunnels[1].Find(1), nullptr);
    EXPECT_NE(tunnels[1].Find(999), nullptr);
    EXPECT_GT(tunnels[1].by_room(), 900u);
    EXPECT_EQ(room.holders(), 100u);
  }
  EXPECT_EQ(room.used(), 0u);
  EXPECT_EQ(room.holders(), 0u);
}

}  // namespace
}  // namespace warp::control
