#include "control/tunnel/bond/sent_payloads.h"

#include <gtest/gtest.h>

#include <chrono>

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
  EXPECT_EQ(sent.bytes(), 40u);
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
  EXPECT_EQ(sent.bytes(), 12u);
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
  EXPECT_EQ(sent.size(), SentPayloads::kMaxBytes / kLarge);
}

}  // namespace
}  // namespace warp::control
