#include "control/status/event_stream.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"

namespace warp::control {
namespace {

class EventStreamTest : public ::testing::Test {
 protected:
  void Raise(int count) {
    for (int i = 0; i < count; ++i) log_.Raise({.kind = EventKind::kPathUp});
  }
  // All that there is for a client now, line by line.
  static std::vector<nlohmann::json> Read(StatusServer::Reply& reply) {
    std::string text;
    for (std::string part = reply.text(); !part.empty(); part = reply.text()) text += part;
    std::vector<nlohmann::json> events;
    for (const auto& line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
      events.push_back(nlohmann::json::parse(line));
    }
    return events;
  }

  EventLog log_{[] { return absl::Time(); }};
};

TEST_F(EventStreamTest, GivesALineForEachEventFromNowOn) {
  Raise(1);
  std::optional<StatusServer::Reply> reply = AnswerWatch(log_, "watch");
  ASSERT_TRUE(reply.has_value());
  EXPECT_TRUE(reply->follows);
  EXPECT_TRUE(Read(*reply).empty());
  Raise(40);  // more than fit a part
  const auto events = Read(*reply);
  ASSERT_EQ(events.size(), 40u);
  EXPECT_EQ(events.front()["number"], 2);
  EXPECT_EQ(events.back()["number"], 41);
  EXPECT_EQ(events.back()["event"], "path_up");
}

TEST_F(EventStreamTest, MayBeginInThePast) {
  Raise(5);
  std::optional<StatusServer::Reply> reply = AnswerWatch(log_, "watch 2");
  ASSERT_TRUE(reply.has_value());
  const auto events = Read(*reply);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0]["number"], 4);
}

TEST_F(EventStreamTest, ASlowClientIsToldWhatItMissed) {
  std::optional<StatusServer::Reply> reply = AnswerWatch(log_, "watch");
  ASSERT_TRUE(reply.has_value());
  Raise(EventLog::kRemembered + 10);
  const auto events = Read(*reply);
  ASSERT_EQ(events.size(), EventLog::kRemembered + 1);
  EXPECT_EQ(events[0]["event"], "events_missed");
  EXPECT_EQ(events[0]["missed"], 10);
}

TEST_F(EventStreamTest, OtherRequestsAreOthers) {
  for (const char* line : {"", "status", "watches", "tunnel show", " watch"}) {
    EXPECT_FALSE(AnswerWatch(log_, line).has_value()) << line;
  }
  for (const char* line :
       {"watch x", "watch -1", "watch 1 2", "watch ", "watch 99999999999999999999"}) {
    std::optional<StatusServer::Reply> reply = AnswerWatch(log_, line);
    ASSERT_TRUE(reply.has_value()) << line;
    EXPECT_FALSE(reply->follows) << line;
    EXPECT_EQ(reply->text().rfind("{\"error\":\"", 0), 0u) << line;
    EXPECT_EQ(reply->text(), "") << line;
  }
}

}  // namespace
}  // namespace warp::control
