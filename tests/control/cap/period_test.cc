// Where periods begin and end.
#include "control/cap/period.h"

#include <gtest/gtest.h>

namespace warp::cap {
namespace {

using absl::CivilDay;
using config::CapPeriod;
using config::CapUnit;

CapPeriod Month(uint8_t from) { return {.each = CapUnit::kMonth, .from = from}; }
CapPeriod Week(uint8_t from) { return {.each = CapUnit::kWeek, .from = from}; }

TEST(Period, OfAMonthBeginsOnItsDay) {
  EXPECT_EQ(BeginOf(Month(3), CivilDay(2026, 11, 3)), CivilDay(2026, 11, 3));
  EXPECT_EQ(BeginOf(Month(3), CivilDay(2026, 11, 2)), CivilDay(2026, 10, 3));
  EXPECT_EQ(BeginOf(Month(3), CivilDay(2026, 1, 2)), CivilDay(2025, 12, 3));
  EXPECT_EQ(NextBegin(Month(3), CivilDay(2026, 12, 3)), CivilDay(2027, 1, 3));
}

TEST(Period, OfAShortMonthBeginsOnItsLastDay) {
  EXPECT_EQ(BeginOf(Month(31), CivilDay(2026, 2, 28)), CivilDay(2026, 2, 28));
  EXPECT_EQ(BeginOf(Month(31), CivilDay(2026, 2, 27)), CivilDay(2026, 1, 31));
  EXPECT_EQ(BeginOf(Month(31), CivilDay(2028, 2, 28)), CivilDay(2028, 1, 31));  // a leap year
  EXPECT_EQ(BeginOf(Month(31), CivilDay(2028, 2, 29)), CivilDay(2028, 2, 29));
  EXPECT_EQ(BeginOf(Month(29), CivilDay(2028, 3, 1)), CivilDay(2028, 2, 29));
  EXPECT_EQ(NextBegin(Month(31), CivilDay(2026, 1, 31)), CivilDay(2026, 2, 28));
  EXPECT_EQ(NextBegin(Month(31), CivilDay(2026, 2, 28)), CivilDay(2026, 3, 31));
  EXPECT_EQ(NextBegin(Month(30), CivilDay(2026, 4, 30)), CivilDay(2026, 5, 30));
}

TEST(Period, OfAWeekBeginsOnItsWeekday) {
  EXPECT_EQ(BeginOf(Week(1), CivilDay(2026, 11, 29)), CivilDay(2026, 11, 23));  // a Sunday
  EXPECT_EQ(BeginOf(Week(7), CivilDay(2026, 11, 29)), CivilDay(2026, 11, 29));
  EXPECT_EQ(BeginOf(Week(6), CivilDay(2026, 11, 29)), CivilDay(2026, 11, 28));
  EXPECT_EQ(NextBegin(Week(7), CivilDay(2026, 12, 27)), CivilDay(2027, 1, 3));
}

TEST(Period, OfADayIsTheDay) {
  const CapPeriod day{.each = CapUnit::kDay};
  EXPECT_EQ(BeginOf(day, CivilDay(2026, 11, 29)), CivilDay(2026, 11, 29));
  EXPECT_EQ(NextBegin(day, CivilDay(2026, 12, 31)), CivilDay(2027, 1, 1));
}

// Each day of many years is in exactly one period, whatever its kind.
TEST(Period, FollowEachOtherWithoutAGap) {
  std::vector<CapPeriod> kinds = {{.each = CapUnit::kDay}};
  for (uint8_t from = 1; from <= 31; ++from) kinds.push_back(Month(from));
  for (uint8_t from = 1; from <= 7; ++from) kinds.push_back(Week(from));
  for (const CapPeriod& kind : kinds) {
    CivilDay begin = BeginOf(kind, CivilDay(1999, 12, 15));
    CivilDay end = NextBegin(kind, begin);
    for (CivilDay day(1999, 12, 15); day < CivilDay(2009, 1, 1); ++day) {
      if (day == end) {
        begin = end;
        end = NextBegin(kind, begin);
      }
      ASSERT_EQ(BeginOf(kind, day), begin) << day << " from " << int{kind.from};
      ASSERT_LT(begin, end);
    }
  }
}

}  // namespace
}  // namespace warp::cap
