#include "control/history/history.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

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

// What happened by a clock that was days ahead is of no time that anybody can name.
TEST_F(HistoryTest, AClockThatIsPutRightTakesTheFutureAway) {
  Add("2026-11-30T10:00:00Z", 1);
  Add("2031-01-01T00:00:00Z", 2);
  Add("2026-11-30T10:05:00Z", 4);
  EXPECT_EQ(Text(By::kMinute), "11-30 10:00 1, 11-30 10:05 4");
  EXPECT_EQ(Text(By::kHour), "11-30 10:00 5");
  EXPECT_EQ(Of(By::kMonth).size(), 1u);
}

}  // namespace
}  // namespace warp::history
