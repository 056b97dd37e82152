#include "tools/web/newsroom.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/strip.h"
#include "tests/tools/watch/sample_document.h"

namespace warp::tools {
namespace {

using Json = nlohmann::json;

class NewsroomTest : public ::testing::Test {
 protected:
  void Take(double now_s) {
    document_["node"]["uptime_s"] = 100 + now_s;
    room_.Take(now_s, document_.dump(), PoliciesDocument("fibre").dump());
  }
  void Lose(double now_s) {
    const absl::Status away = absl::UnavailableError("no daemon answers at /x: it is busy");
    room_.Take(now_s, away, away);
  }

  // The name of an event, and its data.
  static std::pair<std::string, Json> Parse(const std::shared_ptr<const std::string>& event) {
    if (event == nullptr) return {};
    absl::string_view text = *event;
    EXPECT_TRUE(absl::ConsumePrefix(&text, "event: "));
    EXPECT_TRUE(absl::ConsumeSuffix(&text, "\n\n"));
    const size_t end = text.find("\ndata: ");
    EXPECT_NE(end, absl::string_view::npos);
    const std::string data(text.substr(end + 7));
    EXPECT_FALSE(absl::StrContains(data, "\n"));
    return {std::string(text.substr(0, end)), Json::parse(data)};
  }

  Json document_ = NodeDocument();
  Newsroom room_;
};

TEST_F(NewsroomTest, AViewHasTheAnswerAndTheMinute) {
  Take(10);
  Take(11);
  const Json view = Json::parse(*room_.view());
  EXPECT_EQ(view["health"], "good");
  EXPECT_EQ(view["answer"], "It works.");
  EXPECT_EQ(view["links"][0]["name"], "fibre");
  EXPECT_EQ(view["links"][0]["used_by"], 1);
  EXPECT_EQ(view["links"][1]["used_by"], 0);  // the policy leaves it out
  EXPECT_EQ(view["tunnels"][0]["paths"], "fibre");
  const Json& series = view["paths"][0]["series"];
  ASSERT_EQ(series["rtt"].size(), kSeconds);
  EXPECT_EQ(series["rtt"][59], 20.25);
  EXPECT_EQ(series["out"][59], 0);
  EXPECT_EQ(series["out"][58], nullptr);
  EXPECT_EQ(series["rtt"][0], nullptr);
}

TEST_F(NewsroomTest, WhoFollowsGetsStepsAndWhoMissedOneGetsAll) {
  Take(10);
  const std::unique_ptr<HttpStream> quick = room_.Subscribe(), slow = room_.Subscribe();
  EXPECT_EQ(Parse(quick->Next()).first, "view");
  EXPECT_EQ(quick->Next(), nullptr);
  EXPECT_EQ(Parse(slow->Next()).first, "view");
  Take(11);
  auto [name, step] = Parse(quick->Next());
  EXPECT_EQ(name, "step");
  EXPECT_EQ(step["seconds"], 1);
  EXPECT_EQ(step["paths"][0]["series"]["rtt"], Json::parse("[20.25]"));
  Take(13);
  std::tie(name, step) = Parse(quick->Next());
  EXPECT_EQ(step["seconds"], 2);
  EXPECT_EQ(step["paths"][0]["series"]["rtt"], Json::parse("[null, 20.25]"));
  EXPECT_EQ(Parse(slow->Next()).first, "view");
  EXPECT_EQ(slow->Next(), nullptr);
}

TEST_F(NewsroomTest, ADaemonThatIsAwayIsSaidAndComesBackWhole) {
  Take(10);
  const std::unique_ptr<HttpStream> stream = room_.Subscribe();
  (void)stream->Next();
  Lose(11);
  auto [name, json] = Parse(stream->Next());
  EXPECT_EQ(name, "step");
  EXPECT_EQ(json["health"], "bad");
  EXPECT_EQ(json["reason"], "no daemon answers at /x: it is busy.");
  EXPECT_EQ(json["node"], nullptr);
  EXPECT_TRUE(room_.links().empty());  // nothing can be changed of what is not known
  EXPECT_TRUE(room_.tunnels().empty());
  Take(12);
  std::tie(name, json) = Parse(stream->Next());
  EXPECT_EQ(name, "view");
  EXPECT_EQ(json["paths"][0]["series"]["rtt"][58], nullptr);
  EXPECT_EQ(json["paths"][0]["series"]["rtt"][57], 20.25);
}

TEST_F(NewsroomTest, WhatIsNoStatusIsABadDaemon) {
  for (const char* text : {"", "{}", "[[[[", "{\"node\":{},\"version\":9}"}) {
    room_.Take(10, std::string(text), std::string(text));
    EXPECT_EQ(Json::parse(*room_.view())["health"], "bad") << text;
  }
}

TEST_F(NewsroomTest, NoNameBreaksOutOfItsEvent) {
  document_["ports"][0]["name"] = "a\n\nevent: view\ndata: {}\n\n";
  document_["peers"][0]["paths"][0]["reason"] = "</script><script>\"'\\";
  Take(10);
  const std::unique_ptr<HttpStream> stream = room_.Subscribe();
  const auto [name, json] = Parse(stream->Next());
  EXPECT_EQ(json["paths"][0]["reason"], "</script><script>\"'\\");
}

TEST_F(NewsroomTest, AMapIsShownToo) {
  room_.Take(1, std::string("{\"version\":1,\"map\":{\"registrations\":3}}"),
             absl::InvalidArgumentError("no"));
  const Json view = Json::parse(*room_.view());
  EXPECT_EQ(view["answer"], "The map runs.");
  EXPECT_EQ(view["counts"][0], Json::parse("{\"name\":\"registrations\",\"count\":3.0}"));
}

}  // namespace
}  // namespace warp::tools
