#include "tools/gauge/gauge_pacer.h"

#include <gtest/gtest.h>

namespace warp::tools {
namespace {

constexpr uint64_t kStart = 5'000'000'000'000;
constexpr uint64_t kSecond = 1'000'000'000;

// Plays a sender that sleeps until the pacer's next time, until `end`. Returns how many datagrams it sent.
uint64_t SendUntil(GaugePacer& pacer, uint64_t& now, uint64_t end) {
  uint64_t sent = 0;
  while (now < end) {
    sent += pacer.Take(now);
    now = std::max(now, pacer.next());
  }
  return sent;
}

TEST(GaugePacerTest, KeepsTheRate) {
  for (const double rate : {1.0, 3.0, 5000.0, 123457.0, 1e6}) {
    GaugePacer pacer(rate, kStart);
    uint64_t now = kStart;
    EXPECT_NEAR(static_cast<double>(SendUntil(pacer, now, kStart + 10 * kSecond)), 10 * rate, 1)
        << rate;
  }
}

TEST(GaugePacerTest, SendsOneByOneWhenOnTime) {
  GaugePacer pacer(1000, kStart);
  EXPECT_EQ(pacer.Take(kStart), 1u);
  EXPECT_EQ(pacer.next(), kStart + kSecond / 1000);
  EXPECT_EQ(pacer.Take(kStart + kSecond / 1000 - 1), 0u);
  EXPECT_EQ(pacer.Take(kStart + kSecond / 1000), 1u);
}

TEST(GaugePacerTest, CatchesUpAtTwiceTheRate) {
  GaugePacer pacer(1000, kStart);
  uint64_t now = kStart + 50'000'000;  // the sender was held up for 50 datagrams
  EXPECT_EQ(pacer.Take(now), GaugePacer::kMaxBatch);
  EXPECT_EQ(pacer.next(), now + GaugePacer::kMaxBatch * kSecond / 2000);
  now = pacer.next();
  const uint64_t sent = GaugePacer::kMaxBatch + SendUntil(pacer, now, kStart + kSecond);
  EXPECT_NEAR(static_cast<double>(sent), 1000, 1);  // all are made up for in the end
}

TEST(GaugePacerTest, WritesOffWhatIsTooLong) {
  GaugePacer pacer(1000, kStart);
  pacer.Take(kStart);
  uint64_t now = kStart + 5 * kSecond;
  const uint64_t sent = SendUntil(pacer, now, kStart + 6 * kSecond);
  EXPECT_NEAR(static_cast<double>(sent), 1000 + 100, 2);  // a second's worth, and kMaxDebt
}

TEST(GaugePacerTest, WithoutARateIsAlwaysDue) {
  GaugePacer pacer(0, kStart);
  EXPECT_EQ(pacer.Take(kStart), GaugePacer::kMaxBatch);
  EXPECT_EQ(pacer.Take(kStart), GaugePacer::kMaxBatch);
  EXPECT_LE(pacer.next(), kStart);
}

}  // namespace
}  // namespace warp::tools
