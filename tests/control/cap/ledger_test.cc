// What was carried, by clocks that jump.
#include "control/cap/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "absl/time/time.h"

namespace warp::cap {
namespace {

using absl::CivilDay;
using testing::ElementsAre;
using Entry = Ledger::Entry;

// What the clock has done since the last look.
constexpr bool kGoesBy = false, kStepped = true;

bool Begins(Ledger& ledger, CivilDay today, bool stepped) {
  return ledger.Look(today, stepped) != Ledger::Turn::kNone;
}
// A run of which the file is all that it knows.
Ledger Restarted(const Ledger& ledger) {
  return Ledger(ledger.period(), ledger.entries(), ledger.clock());
}

Ledger Monthly() { return Ledger({.each = config::CapUnit::kMonth, .from = 1}); }

// In November of 2026, with 40 bytes of October and 10 of November.
Ledger November() {
  Ledger ledger = Monthly();
  ledger.Look(CivilDay(2026, 10, 20), kGoesBy);
  ledger.Add(40);
  EXPECT_TRUE(Begins(ledger, CivilDay(2026, 11, 1), kGoesBy));
  ledger.Add(10);
  return ledger;
}

TEST(Ledger, CountsInAPeriodAndBeginsTheNextWithNothing) {
  Ledger ledger = November();
  EXPECT_EQ(ledger.used(), 10u);
  EXPECT_EQ(ledger.begin(), CivilDay(2026, 11, 1));
  EXPECT_EQ(ledger.end(), CivilDay(2026, 12, 1));
  EXPECT_FALSE(Begins(ledger, CivilDay(2026, 11, 30), kGoesBy));
  EXPECT_TRUE(Begins(ledger, CivilDay(2026, 12, 1), kGoesBy));
  EXPECT_EQ(ledger.used(), 0u);
}

TEST(Ledger, ANodeThatWasOffForMonthsBeginsWithNothing) {
  Ledger before = November();
  Ledger ledger(before.period(), before.entries(), {});
  EXPECT_TRUE(Begins(ledger, CivilDay(2027, 4, 17), kStepped));
  EXPECT_EQ(ledger.used(), 0u);
}

TEST(Ledger, AMachineThatBootsIn1970KeepsCounting) {
  Ledger before = November();
  Ledger ledger(before.period(), before.entries(), {});
  EXPECT_FALSE(Begins(ledger, CivilDay(1970, 1, 1), kStepped));
  EXPECT_EQ(ledger.used(), 10u);
  ledger.Add(5);
  EXPECT_FALSE(Begins(ledger, CivilDay(2026, 11, 7), kStepped));
  EXPECT_EQ(ledger.used(), 15u);
  // What came before the clock was right counts in the period that has begun meanwhile no more.
  Ledger later(before.period(), before.entries(), {});
  later.Look(CivilDay(1970, 1, 1), kStepped);
  later.Add(5);
  EXPECT_TRUE(Begins(later, CivilDay(2026, 12, 1), kStepped));
  EXPECT_EQ(later.used(), 0u);
}

// A machine without a clock of its own boots at the time when it was switched off, which was in the month before.
TEST(Ledger, AClockThatIsBehindForAWhileLosesNothing) {
  Ledger ledger = November();
  ledger.Look(CivilDay(2026, 10, 31), kStepped);
  EXPECT_EQ(ledger.used(), 50u);  // too much rather than too little
  ledger.Add(5);
  EXPECT_FALSE(Begins(ledger, CivilDay(2026, 11, 2), kStepped));
  EXPECT_EQ(ledger.used(), 15u);
}

TEST(Ledger, AClockThatPassesMidnightWhileItIsBehindBeginsNothingAnew) {
  Ledger ledger = November();
  ledger.Look(CivilDay(2026, 10, 31), kGoesBy);
  EXPECT_FALSE(Begins(ledger, CivilDay(2026, 11, 1), kGoesBy));
  EXPECT_EQ(ledger.used(), 10u);
}

TEST(Ledger, AStepFarAheadThatIsUndoneWipesNothing) {
  Ledger ledger = November();
  EXPECT_TRUE(Begins(ledger, CivilDay(2040, 5, 5), kStepped));
  ledger.Add(7);
  EXPECT_EQ(ledger.used(), 7u);
  ledger.Look(CivilDay(2026, 11, 12), kStepped);
  EXPECT_EQ(ledger.used(), 17u);
  ledger.Add(1);
  EXPECT_EQ(ledger.used(), 18u);
  // The next month begins with nothing, as time goes by, and 2040 is forgotten.
  ledger.Look(CivilDay(2026, 11, 29), kGoesBy);
  ledger.Look(CivilDay(2026, 11, 30), kGoesBy);
  EXPECT_TRUE(Begins(ledger, CivilDay(2026, 12, 1), kGoesBy));
  EXPECT_EQ(ledger.used(), 0u);
  ledger.Add(2);
  EXPECT_TRUE(Begins(ledger, CivilDay(2027, 1, 1), kGoesBy));
  EXPECT_EQ(ledger.used(), 0u);
}

TEST(Ledger, TwoStepsAheadAreUndoneAsWell) {
  Ledger ledger = November();
  ledger.Look(CivilDay(2040, 5, 5), kStepped);
  ledger.Add(7);
  ledger.Look(CivilDay(2099, 5, 5), kStepped);
  ledger.Add(3);
  ledger.Look(CivilDay(2026, 11, 12), kStepped);
  EXPECT_EQ(ledger.used(), 20u);
}

TEST(Ledger, HoweverManyStepsAheadAreUndoneAsWell) {
  Ledger ledger = November();
  for (int year = 2030; year < 2050; ++year) {
    ledger.Look(CivilDay(year, 1, 1), kStepped);
    ledger.Add(1);
    ASSERT_LE(ledger.entries().size(), Ledger::kMostEntries);
  }
  ledger.Look(CivilDay(2026, 11, 12), kStepped);
  EXPECT_EQ(ledger.used(), 30u);
  ledger.Look(CivilDay(2026, 11, 29), kGoesBy);
  ledger.Look(CivilDay(2026, 11, 30), kGoesBy);
  EXPECT_TRUE(Begins(ledger, CivilDay(2026, 12, 1), kGoesBy));
  EXPECT_EQ(ledger.used(), 0u);
}

// One that knows as many months as it can does not count one of them too much for a single step.
TEST(Ledger, AStepAheadFromManyMonthsAddsNoOldOnes) {
  Ledger ledger = Monthly();
  for (int month = 1; month <= 8; ++month) {
    ledger.Look(CivilDay(2026, month, 1), kGoesBy);
    ledger.Add(100);
  }
  ledger.Look(CivilDay(2040, 1, 1), kStepped);
  ledger.Add(1);
  ledger.Look(CivilDay(2026, 8, 20), kStepped);
  EXPECT_EQ(ledger.used(), 101u);
  // The same in a run of which the file is all that it knows.
  Ledger later(ledger.period(), ledger.entries(), {});
  later.Look(CivilDay(2026, 8, 21), kStepped);
  EXPECT_EQ(later.used(), 101u);
}

TEST(Ledger, AClockThatWasAheadForMonthsEndsWithAMonthOfItsOwn) {
  // A month is counted by a clock a year ahead, before it is put right.
  Ledger ledger = Monthly();
  for (int month = 1; month <= 6; ++month) {
    ledger.Look(CivilDay(2027, month, 1), kGoesBy);
    ledger.Add(9);
  }
  ledger.Look(CivilDay(2026, 6, 20), kStepped);
  EXPECT_EQ(ledger.used(), 9u);
  EXPECT_FALSE(Begins(ledger, CivilDay(2026, 7, 1), kGoesBy));  // just put right: not believed yet
  ledger.Look(CivilDay(2026, 7, 31), kGoesBy);
  EXPECT_TRUE(Begins(ledger, CivilDay(2026, 8, 1), kGoesBy));
  EXPECT_EQ(ledger.used(), 0u);
}

TEST(Ledger, AStepOverThePeriodsEndAndBackWipesNothing) {
  Ledger ledger = November();
  for (int i = 0; i < 5; ++i) {
    ledger.Look(CivilDay(2026, 12, 1), kStepped);
    ledger.Add(1);
    ledger.Look(CivilDay(2026, 11, 30), kStepped);
    ledger.Add(1);
  }
  EXPECT_EQ(ledger.used(), 20u);
  ledger.Look(CivilDay(2026, 12, 1), kStepped);
  EXPECT_EQ(ledger.used(), 10u);  // what came since December was seen first
}

TEST(Ledger, WhatSomebodySetsCounts) {
  Ledger ledger = November();
  ledger.Set(1000);
  EXPECT_EQ(ledger.used(), 1000u);
  EXPECT_THAT(ledger.entries(), ElementsAre(Entry{CivilDay(2026, 11, 1), 1000}));
  ledger.Add(1);
  EXPECT_EQ(ledger.used(), 1001u);
}

TEST(Ledger, KeepsTheLastPeriodsAndNeverOverflows) {
  Ledger ledger = Monthly();
  for (int month = 1; month <= 12; ++month) {
    ledger.Look(CivilDay(2026, month, 1), kGoesBy);
    ledger.Add(std::numeric_limits<uint64_t>::max());
    ledger.Add(1);
  }
  EXPECT_EQ(ledger.entries().size(), Ledger::kMostEntries);
  ledger.Look(CivilDay(2026, 9, 1), kStepped);
  EXPECT_EQ(ledger.used(), std::numeric_limits<uint64_t>::max());
}

// --- A clock that is back from where it was never right. ---

// In November, and was in December for a moment.
Ledger BackFromDecember() {
  Ledger ledger = November();
  EXPECT_TRUE(Begins(ledger, CivilDay(2026, 12, 20), kStepped));
  ledger.Add(7);
  EXPECT_FALSE(Begins(ledger, CivilDay(2026, 11, 6), kStepped));
  ledger.Add(1);
  EXPECT_EQ(ledger.used(), 18u);
  return ledger;
}

TEST(Ledger, WhatComesAfterAStepIntoTheNextPeriodIsNotOfThatPeriod) {
  Ledger ledger = BackFromDecember();
  for (int day = 7; day <= 30; ++day) {
    EXPECT_FALSE(Begins(ledger, CivilDay(2026, 11, day), kGoesBy));
    ledger.Add(100);
  }
  EXPECT_EQ(ledger.used(), 2418u);
  EXPECT_TRUE(Begins(ledger, CivilDay(2026, 12, 1), kGoesBy));
  EXPECT_EQ(ledger.used(), 0u);
}

// A machine that runs by day alone never sees a period begin.
TEST(Ledger, NeitherIsItWhereTheMachineIsOffAtNight) {
  Ledger ledger = November();
  ledger.Look(CivilDay(2040, 5, 5), kStepped);
  ledger.Add(7);
  for (int day = 6; day <= 30; ++day) {
    ledger = Restarted(ledger);
    EXPECT_FALSE(Begins(ledger, CivilDay(2026, 11, day), kStepped));
    ledger.Add(100);
  }
  EXPECT_EQ(ledger.used(), 2517u);
  ledger = Restarted(ledger);
  EXPECT_EQ(ledger.Look(CivilDay(2026, 12, 1), kStepped), Ledger::Turn::kPassed);
  EXPECT_EQ(ledger.used(), 0u);
  ledger.Add(3);
  ledger = Restarted(ledger);
  EXPECT_TRUE(Begins(ledger, CivilDay(2027, 1, 2), kStepped));
  EXPECT_EQ(ledger.used(), 0u);
}

// Nobody saw the clock come to December, so it may just have been put right, and what stands there may be true.
TEST(Ledger, AKnownPeriodThatTheClockJumpsToKeepsLittleThatIsNotItsOwn) {
  Ledger ledger = BackFromDecember();
  for (int day = 7; day <= 30; ++day) {
    ledger.Look(CivilDay(2026, 11, day), kGoesBy);
    ledger.Add(100);
  }
  ledger = Restarted(ledger);
  EXPECT_FALSE(Begins(ledger, CivilDay(2026, 12, 2), kStepped));
  EXPECT_EQ(ledger.used(), 108u);  // before the clock was believed again
}

// The machine's battery is empty, and it starts some days ago, again and again.
TEST(Ledger, AClockThatFallsBackAgainAndAgainIsNotBelieved) {
  Ledger ledger = November();
  for (int i = 0; i < 10; ++i) {
    ledger = Restarted(ledger);
    EXPECT_FALSE(Begins(ledger, CivilDay(2026, 10, 30), kStepped));
    EXPECT_FALSE(Begins(ledger, CivilDay(2026, 10, 31), kGoesBy));
    EXPECT_FALSE(Begins(ledger, CivilDay(2026, 11, 1), kGoesBy));
    ledger.Add(1);
  }
  EXPECT_EQ(ledger.used(), 20u);
}

// A file that somebody has written, and clocks as they like: nothing is worse than a wrong count.
TEST(Ledger, WhateverTheFileAndTheClockSayItStaysInBounds) {
  uint32_t state = 1;
  const auto draw = [&state](uint32_t below) {
    state = state * 1664525 + 1013904223;
    return (state >> 8) % below;
  };
  const auto day = [&] { return CivilDay(2026, 11, 1) + static_cast<int>(draw(400)) - 200; };
  for (int run = 0; run < 2000; ++run) {
    std::vector<Entry> entries;
    for (CivilDay begin = day() + 100; entries.size() < draw(5); begin -= 1 + draw(90))
      entries.push_back({begin, draw(1000)});
    Ledger ledger({.each = static_cast<config::CapUnit>(draw(3)), .from = 1}, entries,
                  {.day = day(), .days = static_cast<uint8_t>(draw(4))});
    for (int step = 0; step < 30; ++step) {
      const bool begun = Begins(ledger, day(), draw(2) == 0);
      EXPECT_TRUE(!begun || ledger.used() == 0);
      const uint64_t before = ledger.used();
      ledger.Add(5);
      ASSERT_EQ(ledger.used(), before + 5);
      ASSERT_LE(ledger.entries().size(), Ledger::kMostEntries);
      ASSERT_LT(ledger.begin(), ledger.end());
    }
  }
}

// --- Daylight saving. ---

// How often a daily count begins in these hours, looked at each minute.
int Beginnings(const char* zone_name, absl::CivilSecond from, int hours) {
  absl::TimeZone zone;
  EXPECT_TRUE(absl::LoadTimeZone(zone_name, &zone)) << zone_name;
  Ledger ledger({.each = config::CapUnit::kDay});
  const absl::Time begin = absl::FromCivil(from, zone);
  int beginnings = 0;
  for (int minute = 0; minute < hours * 60; ++minute) {
    beginnings +=
        Begins(ledger, absl::ToCivilDay(begin + absl::Minutes(minute), zone), kGoesBy) ? 1 : 0;
  }
  return beginnings;
}

TEST(Ledger, DaylightSavingBeginsNoDayTwiceAndSkipsNone) {
  // Spring and autumn in Berlin; midnight that there is not, in Beirut; one that comes twice, since at one minute past
  // it clocks went back an hour, in Newfoundland.
  EXPECT_EQ(Beginnings("Europe/Berlin", absl::CivilSecond(2026, 3, 27, 12), 72), 4);
  EXPECT_EQ(Beginnings("Europe/Berlin", absl::CivilSecond(2026, 10, 23, 12), 72), 4);
  EXPECT_EQ(Beginnings("Asia/Beirut", absl::CivilSecond(2026, 3, 27, 12), 72), 4);
  EXPECT_EQ(Beginnings("America/St_Johns", absl::CivilSecond(2010, 11, 5, 12), 72), 4);
}

TEST(Ledger, AMidnightThatComesTwiceKeepsTheCount) {
  absl::TimeZone zone;
  ASSERT_TRUE(absl::LoadTimeZone("America/St_Johns", &zone));
  Ledger ledger({.each = config::CapUnit::kDay});
  const absl::Time begin = absl::FromCivil(absl::CivilSecond(2010, 11, 6, 23, 50), zone);
  uint64_t most = 0;
  for (int minute = 0; minute < 60; ++minute) {  // until 23:50 for the second time
    ledger.Look(absl::ToCivilDay(begin + absl::Minutes(minute), zone), kGoesBy);
    ledger.Add(1);
    most = std::max(most, ledger.used());
  }
  EXPECT_EQ(ledger.begin(), CivilDay(2010, 11, 6));
  EXPECT_EQ(ledger.used(), 60u);
  EXPECT_EQ(most, 60u);
}

}  // namespace
}  // namespace warp::cap
