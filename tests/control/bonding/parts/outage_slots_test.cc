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

// The share of the time in which an outage is due, where they begin at random, one in so many seconds.
double ShareDue(double each, double until) {
  OutageSlots slots;
  std::mt19937_64 random(3);
  std::exponential_distribution<double> gap(1 / each);
  double next = gap(random);
  int due = 0, looks = 0;
  for (double now = 0; now < until; now += 0.05) {
    if (now >= next) {
      slots.Note(At(now));
      next += gap(random);
    }
    ++looks;
    due += slots.Due(At(now)) ? 1 : 0;
  }
  return static_cast<double>(due) / looks;
}

// Bursts of a radio: little time is spent waiting for those that do not come.
TEST(OutageSlots, ChanceIsSeldomTakenForAPeriod) { EXPECT_LT(ShareDue(8, 3600), 0.02); }

// A radio at the edge of its cell: nearly each moment had one in two of the last periods.
TEST(OutageSlots, ManyAreNoPeriod) { EXPECT_LT(ShareDue(1, 900), 0.02); }

// A clock that is not the satellites': each outage comes half a slot later than by ours.
TEST(OutageSlots, OnesThatDriftAreDue) {
  OutageSlots slots;
  for (const double at : {12.0, 27.05, 42.1, 57.15}) slots.Note(At(at));
  EXPECT_TRUE(slots.Due(At(72.15)));
  EXPECT_TRUE(slots.Due(At(72.2)));
}

}  // namespace
}  // namespace warp::bonding
