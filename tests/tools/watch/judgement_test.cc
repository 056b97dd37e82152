#include "tools/watch/model/judgement.h"

#include <gtest/gtest.h>

#include <string>

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

TEST(JudgementTest, AdviceFollowsTheReason) {
  struct Case {
    const char* state;
    const char* reason;
    const char* advice;
  };
  for (const Case& c : {Case{"down", "interface wwan0 has no link", "SIM"},
                        {"down", "interface wwan0 is down", "`ip link set wwan0 up`"},
                        {"down", "interface wwan0 has no usable address", "address show dev wwan0"},
                        {"missing", "there is no interface wwan0", "whether wwan0 has another"},
                        {"stale", "its worker does not answer", "restart warpd"}}) {
    Json json = NodeDocument();
    json["ports"][1]["kernel_interface"] = "wwan0";
    json["ports"][1]["state"] = c.state;
    json["ports"][1]["reason"] = c.reason;
    json["ports"][1]["since_s"] = 307;
    const Judgement judgement = Of(json);
    ASSERT_EQ(judgement.troubles.size(), 1u) << c.state;
    EXPECT_EQ(judgement.troubles[0].what, std::string("Link lte is ") + c.state);
    EXPECT_EQ(judgement.troubles[0].since_s, 307);
    EXPECT_NE(judgement.troubles[0].advice.find(c.advice), std::string::npos) << c.advice;
  }
}

TEST(JudgementTest, OnlyALinkThatOpensForLongIsATrouble) {
  Json json = NodeDocument();
  json["ports"][1]["state"] = "opening";
  json["ports"][1]["since_s"] = 0.1;
  EXPECT_TRUE(Of(json).troubles.empty());
  json["ports"][1]["since_s"] = 60;
  EXPECT_EQ(Of(json).troubles.size(), 1u);
}

TEST(JudgementTest, ALinkWhosePathsAreAllLostDoesNotReachThePeer) {
  Json json = NodeDocument();
  json["ports"][1]["kernel_interface"] = "wwan0";
  Json& path = json["peers"][0]["paths"][1];
  path["state"] = "lost";
  path["reason"] = "probes are not answered";
  path["since_s"] = 307;
  const Judgement judgement = Of(json);
  ASSERT_EQ(judgement.troubles.size(), 1u);
  EXPECT_EQ(judgement.troubles[0].what, "Link lte does not reach peer hq");
  EXPECT_EQ(judgement.troubles[0].why, "probes are not answered");
  EXPECT_EQ(judgement.troubles[0].since_s, 307);
  EXPECT_NE(judgement.troubles[0].advice.find("`ping -I wwan0 198.51.100.7`"), std::string::npos);
  // Another endpoint that it does reach is enough.
  json["peers"][0]["paths"].push_back(PathDocument("lte", "203.0.113.9:13116", 3));
  EXPECT_TRUE(Of(json).troubles.empty());
}

// A peer that is away is the trouble, and not each link that cannot reach it either.
TEST(JudgementTest, WhatIsSoForManyPeersIsOneTrouble) {
  Json json = NodeDocument();
  json["peers"][0]["paths"][1]["state"] = "lost";
  const Json peer = json["peers"][0];
  for (int i = 0; i < 4; ++i) {
    json["peers"].push_back(peer);
    json["peers"].back()["name"] = "site" + std::to_string(i);
  }
  json["peers"][4]["state"] = "connecting";
  json["peers"][3]["paths"][1]["state"] = "active";
  json["peers"][3]["paths"][1]["loss"] = 0.5;
  const Judgement judgement = Of(json);
  ASSERT_EQ(judgement.troubles.size(), 3u);
  EXPECT_EQ(judgement.troubles[0].what, "Peer site3 is not reached");
  EXPECT_EQ(judgement.troubles[1].what, "Link lte does not reach 3 of 4 peers");
  EXPECT_EQ(judgement.troubles[2].what, "Link lte loses 50% to peer site2");
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

// The same loss has another reason, and another remedy, where packets wait.
TEST(JudgementTest, ALinkThatIsFullIsNotOneOfBadSignal) {
  Json json = NodeDocument();
  Json& path = json["peers"][0]["paths"][1];
  path["loss"] = 0.5;
  path["rtt_ms"] = 288.9;
  path["least_rtt_ms"] = 90.3;
  Judgement judgement = Of(json);
  ASSERT_EQ(judgement.troubles.size(), 1u);
  EXPECT_EQ(judgement.troubles[0].what, "Link lte is full and loses 50%");
  EXPECT_EQ(judgement.troubles[0].why,
            "A round trip takes 289 ms, and took 90 ms when nothing waited.");
  for (const Json& least : {Json(280.0), Json(nullptr), Json("x")}) {
    path["least_rtt_ms"] = least;
    judgement = Of(json);
    ASSERT_EQ(judgement.troubles.size(), 1u);
    EXPECT_EQ(judgement.troubles[0].what, "Link lte loses 50%");
  }
}

TEST(JudgementTest, ADataCapIsSaid) {
  Json json = NodeDocument();
  json["ports"][1]["cap"] = {
      {"state", "near"}, {"used", 45.5e9}, {"bytes", 50e9}, {"at_limit", "backup"}};
  const Judgement judgement = Of(json);
  ASSERT_EQ(judgement.troubles.size(), 1u);
  EXPECT_EQ(judgement.troubles[0].what, "Link lte is near its data cap");
  EXPECT_EQ(judgement.troubles[0].why, "45.5 GB of 50.0 GB are carried.");
  json["ports"][1]["cap"]["state"] = "open";
  json["ports"][1]["cap"]["problem"] = "the disk is full";
  ASSERT_EQ(Of(json).troubles.size(), 1u);
  EXPECT_EQ(Of(json).troubles[0].why, "the disk is full");
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
