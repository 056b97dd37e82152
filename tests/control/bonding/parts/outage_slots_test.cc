// Outages that come at the same moments of each period are due, and others are not.
#include "control/bonding/outage_slots.h"

#include <gtest/gtest.h>

#include <random>

namespace warp::bonding {
namespace {

using wire::Instant;

constexpr Instant At(double seconds) {
  return Instant(std::chrono::nanoseconds(static_cast<int64_t>(seconds * 1e9)));
}

TEST(OutageSlots, TheThirdIsDue) {
  OutageSlots slots;
  EXPECT_FALSE(slots.Due(At(12)));
  slots.Note(At(5));
  slots.Note(At(12));
  EXPECT_FALSE(slots.Due(At(27)));
  slots.Note(At(27.08));  // a slot later
  EXPECT_FALSE(slots.Due(At(41.7)));
  EXPECT_TRUE(slots.Due(At(41.95)));
  EXPECT_TRUE(slots.Due(At(42.1)));
  EXPECT_FALSE(slots.Due(At(42.5)));
  EXPECT_FALSE(slots.Due(At(50)));
}

TEST(OutageSlots, TheOnlyOneIsExpectedAgainOnce) {
  OutageSlots slots;
  slots.Note(At(12));
  slots.Note(At(12.2));  // the same
  EXPECT_FALSE(slots.Due(At(26.5)));
  EXPECT_TRUE(slots.Due(At(26.95)));
  EXPECT_TRUE(slots.Due(At(27.1)));
  EXPECT_FALSE(slots.Due(At(27.5)));
  EXPECT_FALSE(slots.Due(At(42)));
  slots.Note(At(48));
  slots.Note(At(55));  // the second of this period
  EXPECT_FALSE(slots.Due(At(70)));
}

TEST(OutageSlots, OneThatStaysAwayIsExpectedOnceMore) {
  OutageSlots slots;
  for (const double at : {12.0, 27.0}) slots.Note(At(at));
  EXPECT_TRUE(slots.Due(At(42)));  // it stays away
  EXPECT_TRUE(slots.Due(At(57)));
  EXPECT_FALSE(slots.Due(At(72)));
}

TEST(OutageSlots, AtTheEndOfAPeriodAndLate) {
  OutageSlots slots;
  slots.Note(At(14.99));
  slots.Note(At(30.05));  // the next period but one, and one slot later
  EXPECT_TRUE(slots.Due(At(45)));
  slots.Note(At(29.95));  // noted late
  EXPECT_TRUE(slots.Due(At(45)));
}

TEST(OutageSlots, ALongPauseForgets) {
  OutageSlots slots;
  for (const double at : {12.0, 27.0}) slots.Note(At(at));
  EXPECT_FALSE(slots.Due(At(12 + 15 * 6)));
  slots.Note(At(12 + 15.0 * 1000));
  EXPECT_FALSE(slots.Due(At(12 + 15.0 * 1002)));
  slots.Note(At(1));  // a clock that went back changes nothing
  EXPECT_FALSE(slots.Due(At(1)));
}

// Bursts at random, one each 8 s as of a radio: little time is spent waiting for those that do not come.
TEST(OutageSlots, ChanceIsSeldomTakenForAPeriod) {
  OutageSlots slots;
  std::mt19937_64 random(3);
  std::exponential_distribution<double> gap(1.0 / 8);
  double next = gap(random);
  int due = 0, looks = 0;
  for (double now = 0; now < 3600; now += 0.05) {
    if (now >= next) {
      slots.Note(At(now));
      next += gap(random);
    }
    ++looks;
    due += slots.Due(At(now)) ? 1 : 0;
  }
  EXPECT_LT(static_cast<double>(due) / looks, 0.02);
}

}  // namespace
}  // namespace warp::bonding
