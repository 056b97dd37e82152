#include "control/history/history.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/history/history_clock.h"

namespace warp::history {
namespace {

absl::Time At(const std::string& text) {
  absl::Time time;
  EXPECT_TRUE(absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) << text;
  return time;
}

class HistoryTest : public ::testing::Test {
 protected:
  const std::deque<Record>& Of(By by, const std::string& port = "lte") const {
    for (const Link& link : history_.links()) {
      if (link.port == port) return link.records[static_cast<size_t>(by)];
    }
    static const std::deque<Record> none;
    return none;
  }
  void Add(const std::string& time, uint64_t first, const std::string& port = "lte") {
    history_.Add(port, At(time), {.up_s = 5, .first = first});
  }
  // The begins of the records, with what each has: "10:00 3".
  std::string Text(By by) const {
    std::string text;
    for (const Record& record : Of(by)) {
      absl::StrAppend(
          &text, text.empty() ? "" : ", ",
          absl::FormatTime("%m-%d %H:%M", absl::FromUnixSeconds(record.begin), absl::UTCTimeZone()),
          " ", record.first);
    }
    return text;
  }

  History history_{absl::FixedTimeZone(2 * 3600)};
};

TEST_F(HistoryTest, AddsUpByPeriod) {
  Add("2026-11-30T10:00:00Z", 1);
  Add("2026-11-30T10:00:59Z", 2);
  Add("2026-11-30T10:01:00Z", 4);
  Add("2026-11-30T11:00:00Z", 8);
  EXPECT_EQ(Text(By::kMinute), "11-30 10:00 3, 11-30 10:01 4, 11-30 11:00 8");
  EXPECT_EQ(Text(By::kHour), "11-30 10:00 7, 11-30 11:00 8");
  EXPECT_EQ(Of(By::kDay).size(), 1u);
  EXPECT_EQ(Of(By::kDay)[0].first, 15u);
  EXPECT_EQ(Of(By::kDay)[0].up_s, 20u);
}

// A day and a month end where the node is, and not in Greenwich.
TEST_F(HistoryTest, DaysAndMonthsAreOfTheZone) {
  Add("2026-11-30T21:59:59Z", 1);
  Add("2026-11-30T22:00:00Z", 2);
  EXPECT_EQ(Text(By::kDay), "11-29 22:00 1, 11-30 22:00 2");
  EXPECT_EQ(Text(By::kMonth), "10-31 22:00 1, 11-30 22:00 2");
}

TEST_F(HistoryTest, IsBounded) {
  for (int minute = 0; minute < 500; ++minute) {
    history_.Add("lte", At("2026-11-01T00:00:00Z") + absl::Minutes(minute), {.first = 1});
  }
  EXPECT_EQ(Of(By::kMinute).size(), kKept[0]);
  EXPECT_EQ(Of(By::kMinute).back().begin, absl::ToUnixSeconds(At("2026-11-01T08:19:00Z")));
  for (size_t port = 0; port < History::kMostLinks + 10; ++port) {
    history_.Add(absl::StrCat("usb", port), At("2026-12-01T00:00:00Z") + absl::Minutes(port), {});
  }
  EXPECT_EQ(history_.links().size(), History::kMostLinks);
  // The one that was gone the longest went first.
  EXPECT_TRUE(Of(By::kMinute, "lte").empty());
  EXPECT_TRUE(Of(By::kMinute, "usb0").empty());
  EXPECT_FALSE(Of(By::kMinute, "usb73").empty());
}

TEST_F(HistoryTest, AClockThatGoesBackALittleAddsToTheNewest) {
  Add("2026-11-30T10:00:58Z", 1);
  Add("2026-11-30T10:01:01Z", 2);
  Add("2026-11-30T10:00:59Z", 4);
  EXPECT_EQ(Text(By::kMinute), "11-30 10:00 1, 11-30 10:01 6");
}

// What was booked by a clock that was years ahead did happen.
TEST_F(HistoryTest, WhatWasBookedInTheFutureIsOfNow) {
  Add("2026-11-30T10:00:00Z", 1);
  Add("2031-01-01T00:00:00Z", 2);
  EXPECT_EQ(history_.newest(), absl::ToUnixSeconds(At("2031-01-01T00:00:00Z")));
  Add("2026-11-30T10:05:00Z", 4);
  EXPECT_EQ(Text(By::kMinute), "11-30 10:00 1, 11-30 10:05 6");
  EXPECT_EQ(Text(By::kHour), "11-30 10:00 7");
  EXPECT_EQ(Of(By::kMonth).size(), 1u);
}

class HistoryClockTest : public HistoryTest {
 protected:
  // Books a payload by what the machine's clock says, after so much time has passed.
  void Look(const std::string& wall, wire::Duration passed = std::chrono::seconds(5)) {
    now_ += passed;
    history_.Add("lte", clock_.Of(now_, At(wall), history_.newest()), {.first = 1});
  }
  HistoryClock clock_;
  wire::Instant now_{};
};

// Boots in 1970, is told the time a day later, and again after a restart: what there was of years is still there.
TEST_F(HistoryClockTest, AMachineWithoutABatteryKeepsItsHistory) {
  Add("2026-10-05T10:00:00Z", 100);
  Add("2026-11-30T10:00:00Z", 1000);
  for (int i = 0; i < 3; ++i) Look("1970-01-01T00:00:10Z", std::chrono::hours(8));
  EXPECT_EQ(Text(By::kMonth), "09-30 22:00 100, 10-31 22:00 1003");
  Look("2026-12-01T10:00:00Z");
  EXPECT_EQ(Text(By::kMonth), "09-30 22:00 100, 10-31 22:00 1003, 11-30 22:00 1");
}

// A clock that runs ahead for a moment, and one that does so for a day.
TEST_F(HistoryClockTest, AClockThatIsPutRightIsBelievedAfterAWhile) {
  Add("2026-11-30T10:00:00Z", 100);
  Look("2061-01-01T00:00:00Z");
  Look("2026-11-30T10:01:00Z");
  EXPECT_EQ(Text(By::kMonth), "10-31 22:00 100, 12-31 22:00 2");
  Look("2026-11-30T10:59:00Z", HistoryClock::kBelieved / 2);
  Look("2026-11-30T11:02:00Z", HistoryClock::kBelieved / 2);
  EXPECT_EQ(Text(By::kMonth), "10-31 22:00 104");
  EXPECT_EQ(Text(By::kHour), "11-30 10:00 100, 11-30 11:00 4");
  // It is back by itself, and nothing is counted on.
  Look("2026-11-30T11:03:00Z", std::chrono::hours(100));
  Look("2026-11-30T10:03:00Z");
  EXPECT_EQ(Text(By::kHour), "11-30 10:00 100, 11-30 11:00 6");
}

}  // namespace
}  // namespace warp::history
