#include "control/event/event_log.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace warp::control {
namespace {

class EventLogTest : public ::testing::Test {
 protected:
  void Raise(int count) {
    for (int i = 0; i < count; ++i) log_.Raise({.kind = EventKind::kPathUp});
  }
  // The numbers of what it reads, and how many it has missed: "1 2 missed3 6".
  static std::string Read(EventReader& reader) {
    std::string text;
    while (const std::optional<Event> event = reader.Next()) {
      absl::StrAppend(&text, text.empty() ? "" : " ",
                      event->kind == EventKind::kEventsMissed
                          ? absl::StrCat("missed", event->missed)
                          : absl::StrCat(event->number));
    }
    return text;
  }

  absl::Time time_ = absl::FromUnixSeconds(1000);
  EventLog log_{[this] { return time_; }};
};

TEST_F(EventLogTest, NumbersAndStampsAndHandsOnAtOnce) {
  std::vector<Event> heard;
  log_.AddSink([&](const Event& event) { heard.push_back(event); });
  Raise(2);
  ASSERT_EQ(heard.size(), 2u);
  EXPECT_EQ(heard[0].number, 1u);
  EXPECT_EQ(heard[1].number, 2u);
  EXPECT_EQ(heard[0].time, time_);
  EXPECT_EQ(log_.raised(), 2u);
}

TEST_F(EventLogTest, EachReaderHasItsOwnPace) {
  EventReader early(log_, 0);
  Raise(2);
  EventReader late(log_, 0), curious(log_, 1);
  EXPECT_EQ(Read(early), "1 2");
  EXPECT_EQ(Read(late), "");
  EXPECT_EQ(Read(curious), "2");
  Raise(1);
  EXPECT_EQ(Read(early), "3");
  EXPECT_EQ(Read(late), "3");
}

TEST_F(EventLogTest, ThereIsNoMorePastThanWasRemembered) {
  EventReader none(log_, 100);
  EXPECT_EQ(Read(none), "");
  Raise(3);
  EventReader all(log_, UINT64_MAX);
  EXPECT_EQ(Read(all), "1 2 3");
}

// Nothing is remembered for a reader: it learns how many it has missed, and goes on.
TEST_F(EventLogTest, ASlowReaderIsToldWhatItMissed) {
  EventReader slow(log_, 0);
  Raise(1);
  Raise(EventLog::kRemembered + 3);
  std::optional<Event> event = slow.Next();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->kind, EventKind::kEventsMissed);
  EXPECT_EQ(event->missed, 4u);
  EXPECT_EQ(event->time, time_);
  event = slow.Next();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->number, 5u);
  // It may miss more while it reads.
  Raise(EventLog::kRemembered);
  event = slow.Next();
  ASSERT_TRUE(event.has_value());
  EXPECT_EQ(event->missed, EventLog::kRemembered - 1);
  size_t rest = 0;
  while (slow.Next().has_value()) ++rest;
  EXPECT_EQ(rest, EventLog::kRemembered);
}

}  // namespace
}  // namespace warp::control
