#include "dataplane/lcore/exchange/cycle_clock.h"

#include <gtest/gtest.h>

namespace warp::lcore {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using wire::Instant;

constexpr uint64_t kFrequency = 2'000'000'000;
constexpr uint64_t kSet = 100 * kFrequency;
constexpr Instant kNow{seconds(5000)};

TEST(CycleClock, GoesOnWithTheCounter) {
  const CycleClock clock(kNow, kSet, kFrequency);
  EXPECT_EQ(clock.At(kSet), kNow);
  EXPECT_EQ(clock.At(kSet + kFrequency / 1000), kNow + milliseconds(1));
  EXPECT_EQ(clock.At(kSet + 180 * kFrequency), kNow + seconds(180));
}

TEST(CycleClock, CountersOfOtherCpusMayBeBehind) {
  const CycleClock clock(kNow, kSet, kFrequency);
  EXPECT_EQ(clock.At(kSet - kFrequency / 1000), kNow - milliseconds(1));
}

// As after a suspension that sets the counter back.
TEST(CycleClock, ACounterThatBeganAnewTellsNoTime) {
  const CycleClock clock(kNow, kSet, kFrequency);
  EXPECT_EQ(clock.At(0), CycleClock::kUnknown);
  EXPECT_EQ(clock.At(kSet - 2 * kFrequency), CycleClock::kUnknown);
  EXPECT_LT(CycleClock::kUnknown, wire::kNever);
  // Near the end of its range, too.
  EXPECT_EQ(CycleClock(kNow, UINT64_MAX, kFrequency).At(kFrequency - 1), kNow + seconds(1));
}

}  // namespace
}  // namespace warp::lcore
