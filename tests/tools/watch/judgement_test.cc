#include "tools/watch/model/judgement.h"

#include <gtest/gtest.h>

#include "tests/tools/watch/sample_document.h"

namespace warp::tools {
namespace {

using Json = nlohmann::json;

Judgement Of(const Json& json) {
  const absl::StatusOr<Sample> sample = ReadSample(json.dump());
  EXPECT_TRUE(sample.ok()) << sample.status();
  return Judge(*sample);
}

TEST(JudgementTest, AllIsWell) {
  const Judgement judgement = Of(NodeDocument());
  EXPECT_EQ(judgement.health, Health::kGood);
  EXPECT_EQ(judgement.answer, "It works.");
  EXPECT_EQ(judgement.reason, "2 of 2 links carry payloads to hq.");
  EXPECT_TRUE(judgement.troubles.empty());
}

TEST(JudgementTest, ALinkThatIsDownHasReasonTimeAndAdvice) {
  Json json = NodeDocument();
  json["ports"][1]["state"] = "down";
  json["ports"][1]["reason"] = "interface wwan0 has no link";
  json["peers"][0]["paths"][1]["state"] = "lost";
  json["peers"][0]["paths"][1]["since_s"] = 307;
  json["peers"][0]["paths"][1]["carries"] = false;
  const Judgement judgement = Of(json);
  EXPECT_EQ(judgement.health, Health::kWorn);
  EXPECT_EQ(judgement.answer, "It works, but link lte is down.");
  EXPECT_EQ(judgement.reason, "1 of 2 links carries payloads to hq.");
  ASSERT_EQ(judgement.troubles.size(), 1u);
  const Trouble& trouble = judgement.troubles[0];
  EXPECT_EQ(trouble.what, "Link lte is down");
  EXPECT_EQ(trouble.why, "interface wwan0 has no link");
  EXPECT_EQ(trouble.since_s, 307);
  EXPECT_EQ(trouble.link, "lte");
  EXPECT_NE(trouble.advice.find("`ip link show wwan0`"), std::string::npos);
}

TEST(JudgementTest, ALinkWhosePathsAreAllLostReachesNobody) {
  Json json = NodeDocument();
  json["peers"][0]["paths"][1]["state"] = "lost";
  json["peers"][0]["paths"][1]["reason"] = "probes are not answered";
  const Judgement judgement = Of(json);
  ASSERT_EQ(judgement.troubles.size(), 1u);
  EXPECT_EQ(judgement.troubles[0].what, "Link lte reaches nobody");
  EXPECT_EQ(judgement.troubles[0].why, "probes are not answered");
}

TEST(JudgementTest, LossOfOnePathOfSeveralIsNotTheLinks) {
  Json json = NodeDocument();
  json["peers"][0]["paths"].push_back(PathDocument("lte", "203.0.113.9:13116", 3));
  json["peers"][0]["paths"][1]["loss"] = 0.5;
  EXPECT_EQ(Of(json).health, Health::kGood);
  json["peers"][0]["paths"][2]["loss"] = 0.25;
  const Judgement judgement = Of(json);
  ASSERT_EQ(judgement.troubles.size(), 1u);
  EXPECT_EQ(judgement.troubles[0].what, "Link lte loses 25%");
}

TEST(JudgementTest, ADataCapIsSaid) {
  Json json = NodeDocument();
  json["ports"][1]["cap"] = {
      {"state", "near"}, {"used", 45.5e9}, {"bytes", 50e9}, {"at_limit", "backup"}};
  const Judgement judgement = Of(json);
  ASSERT_EQ(judgement.troubles.size(), 1u);
  EXPECT_EQ(judgement.troubles[0].what, "Link lte is near its data cap");
  EXPECT_EQ(judgement.troubles[0].why, "45.5 GB of 50.0 GB are carried.");
}

TEST(JudgementTest, APeerThatIsAwayIsWorst) {
  Json json = NodeDocument();
  json["ports"][0]["state"] = "missing";
  json["peers"].push_back({{"name", "branch"}, {"state", "connecting"}, {"reason", "no answer"}});
  Judgement judgement = Of(json);
  EXPECT_EQ(judgement.health, Health::kBad);
  EXPECT_EQ(judgement.answer, "It works in part: 1 of 2 peers is not reached.");
  ASSERT_EQ(judgement.troubles.size(), 2u);
  EXPECT_EQ(judgement.troubles[0].what, "Peer branch is not reached");
  json["peers"][0]["state"] = "connecting";
  judgement = Of(json);
  EXPECT_EQ(judgement.answer, "It does not work.");
  EXPECT_EQ(judgement.reason, "2 peers are not reached.");
}

TEST(JudgementTest, WhatIsNoLinkIsSaidToo) {
  Json json = NodeDocument();
  json["tunnels"][0]["gate"]["trouble"] = "interface warp0 is taken";
  json["maps"][0]["state"] = "silent";
  json["peers"][0]["key_used_by"] = {"192.0.2.1:1", "192.0.2.2:1"};
  const Judgement judgement = Of(json);
  EXPECT_EQ(judgement.answer, "It works, but 3 things are bad.");
  json["node"]["state"] = "draining";
  EXPECT_EQ(Of(json).answer, "It is about to end.");
  json["peers"] = Json::array();
  json["node"]["state"] = "running";
  EXPECT_EQ(Of(json).answer, "It runs, and has no peer.");
}

TEST(JudgementTest, NoAnswerIsBad) {
  const Judgement judgement = JudgeNothing("no daemon answers at /run/x: it says nothing");
  EXPECT_EQ(judgement.health, Health::kBad);
  EXPECT_EQ(judgement.reason, "no daemon answers at /run/x: it says nothing.");
}

}  // namespace
}  // namespace warp::tools
