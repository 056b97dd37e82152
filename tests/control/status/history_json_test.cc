#include "control/status/history_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tests/status_page.h"

namespace warp::control {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'796'034'731);

class HistoryJsonTest : public ::testing::Test {
 protected:
  HistoryJsonTest() {
    history_.Add("fibre", kNow - absl::Minutes(1), {.up_s = 60, .first = 7});
    history_.Add("fibre", kNow,
                 {.up_s = 5, .first = 3, .sole = 1, .skew_samples = 2, .skew_us = 3000});
    history_.Add("lte", kNow, {.duplicates = 4});
  }
  std::string Ask(const std::string& line) const {
    std::optional<StatusServer::Reply> reply = AnswerHistory(history_, line);
    EXPECT_TRUE(reply.has_value()) << line;
    EXPECT_FALSE(reply->follows);
    std::string text;
    for (std::string part = reply->text(); !part.empty(); part = reply->text()) text += part;
    return text;
  }

  history::History history_{absl::UTCTimeZone()};
};

TEST_F(HistoryJsonTest, EveryFieldIsExplained) {
  ExpectDocumented(nlohmann::json::parse(Ask("history minute")), WARP_STATUS_PAGE, "History");
}

TEST_F(HistoryJsonTest, HasTheRecordsOfThePeriod) {
  const nlohmann::json minutes = nlohmann::json::parse(Ask("history minute"));
  ASSERT_EQ(minutes["history"].size(), 2u);
  EXPECT_EQ(minutes["history"][0]["records"].size(), 2u);
  EXPECT_EQ(minutes["history"][0]["records"][1], nlohmann::json({{"begins", "2026-11-30T10:32:00Z"},
                                                                 {"up_s", 5},
                                                                 {"first", 3},
                                                                 {"sole", 1},
                                                                 {"duplicates", 0},
                                                                 {"skew_ms", 1.5},
                                                                 {"rx_bytes", 0},
                                                                 {"tx_bytes", 0}}));
  const nlohmann::json day = nlohmann::json::parse(Ask("history day fibre"));
  ASSERT_EQ(day["history"].size(), 1u);
  EXPECT_EQ(day["history"][0]["records"][0]["first"], 10);
  EXPECT_EQ(nlohmann::json::parse(Ask("history month lte"))["history"][0]["port"], "lte");
}

TEST_F(HistoryJsonTest, NothingIsAListToo) {
  const history::History none(absl::UTCTimeZone());
  std::optional<StatusServer::Reply> reply = AnswerHistory(none, "history hour");
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->text(), "{\"version\":1,\"history\":[]}\n");
  EXPECT_EQ(reply->text(), "");
}

TEST_F(HistoryJsonTest, RefusesWhatItDoesNotKnow) {
  EXPECT_FALSE(AnswerHistory(history_, "status").has_value());
  EXPECT_FALSE(AnswerHistory(history_, "historyhour").has_value());
  for (const char* line : {"history", "history ", "history year", "history day a b"}) {
    EXPECT_EQ(Ask(line), "{\"error\":\"requests are: history minute|hour|day|month [PORT]\"}\n")
        << line;
  }
  EXPECT_EQ(nlohmann::json::parse(Ask("history day fibr"))["error"],
            "there is no history of a port \"fibr\", did you mean \"fibre\"?");
}

}  // namespace
}  // namespace warp::control
