// A cap's states, and the terms on which its port is used in each.
#include "control/cap/cap.h"

#include <gtest/gtest.h>

#include <chrono>

namespace warp::cap {
namespace {

using absl::CivilDay;
using config::CapAct;
using protocol::PortUse;
using std::chrono::hours;
using std::chrono::seconds;

constexpr CivilDay kDay(2026, 11, 20);

class CapTest : public testing::Test {
 protected:
  static config::PortConfig Port(config::CapLimit at_limit) {
    config::PortConfig port;
    port.name = "lte0";
    port.tier = 2;
    port.rate = {.up = 20'000'000};
    port.cap = config::CapPolicy{.bytes = 1000, .period = {}, .at_limit = at_limit};
    return port;
  }
  // Its device counts from 0, and has been seen once.
  void Make(config::CapLimit at_limit) {
    port_ = Port(at_limit);
    cap_.emplace(port_);
    cap_->Look(kDay, clock_);
    cap_->Count(0);
  }

  config::PortConfig port_;
  std::optional<Cap> cap_;
  ClockWatch clock_;
};

TEST_F(CapTest, FromFourFifthsOnItsTierIsOneHigher) {
  Make({.act = CapAct::kBackup});
  cap_->Count(799);
  EXPECT_EQ(cap_->state(), CapState::kOpen);
  EXPECT_EQ(cap_->terms(),
            (PortTerms{.tier = 2, .rate = {.up = 20'000'000}, .use = PortUse::kSparing}));
  cap_->Count(800);
  EXPECT_EQ(cap_->state(), CapState::kNear);
  EXPECT_EQ(cap_->terms().tier, 3);
  EXPECT_EQ(cap_->terms().use, PortUse::kSparing);
  port_.tier = config::kMaxTier;
  Cap last(port_);
  last.Look(kDay, clock_);
  last.Count(0);
  last.Count(800);
  EXPECT_EQ(last.terms().tier, config::kMaxTier);
}

TEST_F(CapTest, AtItsLimitThePortIsTheLastResort) {
  Make({.act = CapAct::kBackup});
  cap_->Count(999);
  EXPECT_EQ(cap_->terms().use, PortUse::kSparing);
  cap_->Count(1000);
  EXPECT_EQ(cap_->state(), CapState::kReached);
  EXPECT_EQ(cap_->terms().use, PortUse::kLastResort);
  EXPECT_EQ(cap_->terms().rate.up, 20'000'000u);
}

TEST_F(CapTest, AtItsLimitThePortStops) {
  Make({.act = CapAct::kStop});
  cap_->Count(1000);
  EXPECT_EQ(cap_->terms().use, PortUse::kNone);
}

TEST_F(CapTest, AtItsLimitThePortIsSlow) {
  Make({.act = CapAct::kRate, .rate = 1'000'000});
  EXPECT_EQ(cap_->terms().rate.down, 0u);
  cap_->Count(1000);
  EXPECT_EQ(cap_->terms().rate.up, 1'000'000u);
  EXPECT_EQ(cap_->terms().rate.down, 1'000'000u);
  EXPECT_EQ(cap_->terms().use, PortUse::kSparing);
  // A bound of its own that is lower stays.
  port_.rate = {.up = 500'000, .down = 50'000'000};
  Cap bounded(port_);
  bounded.Look(kDay, clock_);
  bounded.Count(0);
  bounded.Count(1000);
  EXPECT_EQ(bounded.terms().rate.up, 500'000u);
  EXPECT_EQ(bounded.terms().rate.down, 1'000'000u);
}

TEST_F(CapTest, ANewPeriodAndACorrectionOpenIt) {
  Make({.act = CapAct::kStop});
  cap_->Count(1000);
  cap_->Set(900);
  EXPECT_EQ(cap_->state(), CapState::kNear);
  cap_->Set(1000);
  EXPECT_EQ(cap_->state(), CapState::kReached);
  cap_->Look(CivilDay(2026, 12, 1), clock_);
  EXPECT_EQ(cap_->state(), CapState::kOpen);
}

// --- Counters that begin anew. ---

TEST_F(CapTest, ADeviceThatIsOpenedAnewCountsNothingTwice) {
  Make({.act = CapAct::kStop});
  cap_->Count(300);
  cap_->Closed();
  cap_->Count(300);  // its counters went on
  EXPECT_EQ(cap_->used(), 300u);
  cap_->Count(310);
  EXPECT_EQ(cap_->used(), 310u);
  cap_->Closed();
  cap_->Count(0);  // or began anew
  cap_->Count(5);
  EXPECT_EQ(cap_->used(), 315u);
}

TEST_F(CapTest, CountersThatAreResetTakeNothingBack) {
  Make({.act = CapAct::kStop});
  cap_->Count(300);
  cap_->Count(20);
  EXPECT_EQ(cap_->used(), 320u);
  cap_->Count(0);
  cap_->Count(1);
  EXPECT_EQ(cap_->used(), 321u);
}

// --- What is remembered. ---

TEST_F(CapTest, GoesOnWhereItWas) {
  Make({.act = CapAct::kStop});
  cap_->Count(700);
  Cap next(port_);
  next.Restore(cap_->record(), CivilDay(1970, 1, 1));
  next.Look(CivilDay(1970, 1, 1), clock_);
  EXPECT_EQ(next.used(), 700u);
  next.Count(5'000'000);  // what its device counted before anybody looked
  EXPECT_EQ(next.used(), 700u);
}

// The month is from the 15th now: what this month has had counts on in the period that this day is of.
TEST_F(CapTest, KeepsTheCountOverAChangeOfThePeriod) {
  Make({.act = CapAct::kStop});
  cap_->Count(700);
  const CapRecord record = cap_->record();
  port_.cap->period.from = 15;
  Cap next(port_);
  next.Restore(record, kDay);
  next.Look(kDay, clock_);
  EXPECT_EQ(next.used(), 700u);
  EXPECT_EQ(next.begin(), CivilDay(2026, 11, 15));
  // A clock that is behind does not put it into 1970.
  Cap behind(port_);
  behind.Restore(record, CivilDay(1970, 1, 1));
  behind.Look(CivilDay(1970, 1, 1), clock_);
  EXPECT_FALSE(behind.state() == CapState::kOpen && behind.used() == 0);
  behind.Look(CivilDay(2026, 11, 10), clock_);
  EXPECT_EQ(behind.used(), 700u);
  // What an earlier period had is of the past.
  Cap later(port_);
  later.Restore(record, CivilDay(2026, 12, 20));
  later.Look(CivilDay(2026, 12, 20), clock_);
  EXPECT_EQ(later.used(), 0u);
}

TEST_F(CapTest, WhatIsLostCountsAsReached) {
  port_ = Port({.act = CapAct::kStop});
  Cap cap(port_);
  cap.Lose();
  wire::Instant now(hours(1));
  clock_.Look(now, absl::FromUnixSeconds(0));
  cap.Look(CivilDay(1970, 1, 1), clock_);
  EXPECT_EQ(cap.state(), CapState::kReached);
  EXPECT_EQ(cap.used(), 1000u);
  EXPECT_TRUE(cap.lost());
  // The clock is put right, which is no new period.
  now += seconds(1);
  clock_.Look(now, absl::FromUnixSeconds(1'795'000'000));
  ASSERT_TRUE(clock_.stepped());
  cap.Look(kDay, clock_);
  EXPECT_EQ(cap.state(), CapState::kReached);
  // The month goes by.
  now += seconds(1);
  clock_.Look(now, absl::FromUnixSeconds(1'795'000'001));
  cap.Look(CivilDay(2026, 12, 1), clock_);
  EXPECT_EQ(cap.state(), CapState::kOpen);
  EXPECT_EQ(cap.used(), 0u);
  EXPECT_FALSE(cap.lost());
}

// Each run has a file that can be read, which says so. A clock that is put right between two runs opens nothing.
TEST_F(CapTest, WhatIsLostStaysSoOverRestarts) {
  port_ = Port({.act = CapAct::kStop});
  std::optional<Cap> cap(port_);
  cap->Lose();
  const auto restart = [&](CivilDay today) {
    const CapRecord record = cap->record();
    cap.emplace(port_);
    cap->Restore(record, today);
    cap->Look(today, ClockWatch());
  };
  cap->Look(CivilDay(1970, 1, 1), ClockWatch());
  for (const CivilDay day : {CivilDay(1970, 1, 2), CivilDay(1970, 1, 3), kDay}) {
    restart(day);
    EXPECT_EQ(cap->state(), CapState::kReached) << day;
  }
  // Neither does one that was ahead for a moment.
  restart(CivilDay(2027, 3, 5));
  for (int day = 21; day <= 30; ++day) {
    restart(CivilDay(2026, 11, day));
    EXPECT_EQ(cap->state(), CapState::kReached) << day;
  }
  restart(CivilDay(2026, 12, 1));
  EXPECT_EQ(cap->state(), CapState::kOpen);
  EXPECT_FALSE(cap->lost());
}

TEST_F(CapTest, WhatIsLostIsKnownAgainWhenSomebodySetsIt) {
  port_ = Port({.act = CapAct::kStop});
  Cap cap(port_);
  cap.Lose();
  cap.Look(kDay, clock_);
  cap.Set(10);
  EXPECT_EQ(cap.state(), CapState::kOpen);
  EXPECT_FALSE(cap.lost());
}

// --- The clock. ---

TEST(ClockWatch, TellsAStepFromTimeThatGoesBy) {
  ClockWatch clock;
  wire::Instant now(hours(5));
  absl::Time wall = absl::FromUnixSeconds(1'000'000);
  EXPECT_TRUE(clock.stepped());  // nobody knows
  clock.Look(now, wall);
  EXPECT_TRUE(clock.stepped());
  for (int i = 0; i < 24; ++i) {  // slewed by half a second an hour
    now += hours(1);
    wall += absl::Hours(1) + absl::Milliseconds(500);
    clock.Look(now, wall);
    EXPECT_FALSE(clock.stepped());
  }
  clock.Look(now, wall - absl::Seconds(2));
  EXPECT_TRUE(clock.stepped());
  clock.Look(now, wall - absl::Seconds(2));
  EXPECT_FALSE(clock.stepped());
}

}  // namespace
}  // namespace warp::cap
