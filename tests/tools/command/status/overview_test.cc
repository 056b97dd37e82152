#include "tools/command/status/overview.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/command/status/problems.h"

namespace warp::tools {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Json = nlohmann::json;

// A node with two links to one peer, by which all is well.
Json Healthy() {
  return Json::parse(R"({
"node":{"version":"0.1.0","uptime_s":266520,"state":"running"},
"ports":[
 {"name":"fibre","kernel_interface":"eth0","state":"up","reason":"","since_s":266520,"cap":null},
 {"name":"lte","kernel_interface":"wwan0","state":"up","reason":"","since_s":266520,"cap":{"used":5,"bytes":50,"state":"open","ends":"2026-12-01","problem":""}}],
"maps":[{"address":"map:13116","state":"registered","reason":""}],
"peers":[{"name":"hq","state":"connected","reason":"confirmed","since_s":266519,"copies":1.9,"key_used_by":[],
 "links":[
  {"port":"fibre","first":900,"first_share":0.9,"duplicates":90,"sole":32,"sole_share":0.032,"skew_ms":1.2,"rx_bytes":51200000000,"tx_packets":1,"tx_bytes":9800000000},
  {"port":"lte","first":100,"first_share":0.1,"duplicates":800,"sole":0,"sole_share":0,"skew_ms":33.5,"rx_bytes":50900000000,"tx_packets":1,"tx_bytes":9800000000}],
 "paths":[
  {"port":"fibre","endpoint":"198.51.100.7:13116","state":"active","reason":"probe answered","since_s":266519,"rtt_ms":8.1,"loss":0,"black_hole":false},
  {"port":"lte","endpoint":"198.51.100.7:13116","state":"active","reason":"probe answered","since_s":307,"rtt_ms":41.9,"loss":0.01,"black_hole":false}]}],
"tunnels":[{"name":"video","peer":"hq","mode":"replicate","from_app_rate":12500000,"to_app_rate":0,"from_app":5,"to_app":6,"gate":{},"drops":{"deadline":2}}]})");
}

std::string FirstLine(const Json& status) {
  const std::string text = OverviewText(status);
  return text.substr(0, text.find('\n'));
}

TEST(OverviewTest, OneScreenSaysItAll) {
  EXPECT_EQ(
      OverviewText(Healthy()),
      R"(WORKS: 1 of 1 peer connected, nothing needs attention (warpd 0.1.0, running for 3d02h)

LINK   STATE  SINCE   PATHS  RTT ms  LOSS  FIRST  BEHIND ms  RECEIVED     SENT  WORTH
fibre  up     3d02h  1 of 1     8.1  0.0%  90.0%        1.2  51.20 GB  9.80 GB  saved 32 payloads (3.200%)
lte    up     3d02h  1 of 1    41.9  1.0%  10.0%       33.5  50.90 GB  9.80 GB  others brought everything as well, and sooner

PEER  STATE      SINCE   PATHS
hq    connected  3d02h  2 of 2

TUNNEL  PEER  MODE       OUT Mbit/s  IN Mbit/s  FROM APP  TO APP  DROPS
video   hq    replicate        12.5        0.0         5       6  deadline 2

More: warp status --details, warp watch, warp history
)");
}

TEST(OverviewTest, TheFirstLineIsTheVerdict) {
  Json status = Healthy();
  status["ports"][1]["state"] = "down";
  EXPECT_THAT(FirstLine(status),
              StartsWith("WORKS: 1 of 1 peer connected; 1 thing needs attention"));
  status["peers"].push_back(status["peers"][0]);
  status["peers"][1]["state"] = "connecting";
  EXPECT_THAT(FirstLine(status), StartsWith("WORKS IN PART: 1 of 2 peers connected; 2 things"));
  status["peers"][0]["state"] = "connecting";
  EXPECT_THAT(FirstLine(status), StartsWith("DOES NOT WORK: no peer is connected"));
  status["peers"] = Json::array();
  EXPECT_THAT(FirstLine(status), StartsWith("IDLE: no peer is configured"));
  status["node"]["state"] = "draining";
  EXPECT_THAT(FirstLine(status), StartsWith("ENDS: "));
}

// Where payloads are spread nothing would have been lost, so that only shares can be told.
TEST(OverviewTest, WhatALinkIsWorthDependsOnTheCopies) {
  Json status = Healthy();
  for (Json& link : status["peers"][0]["links"]) link["duplicates"] = 0;
  EXPECT_THAT(OverviewText(status), HasSubstr("carries 90.0%"));
  EXPECT_THAT(OverviewText(status), Not(HasSubstr("saved")));
  for (Json& link : status["peers"][0]["links"]) link["first"] = 0;
  EXPECT_THAT(OverviewText(status), HasSubstr("no payloads yet"));
  status = Healthy();
  status["peers"][0]["links"][0]["sole"] = 0;
  EXPECT_THAT(OverviewText(status),
              HasSubstr("the fastest; others would have brought all as well"));
}

TEST(OverviewTest, ManyOfAKindAreCounted) {
  Json status = Healthy();
  const Json peer = status["peers"][0];
  for (int i = 0; i < 200; ++i) status["peers"].push_back(peer);
  Json last = peer;
  last["name"] = "bad";
  last["state"] = "connecting";
  status["peers"].push_back(last);
  const std::string text = OverviewText(status);
  EXPECT_THAT(text, HasSubstr("\nbad   connecting"));
  EXPECT_THAT(text, HasSubstr("\nand 190 more\n"));
}

TEST(OverviewTest, BearsWhatItDoesNotKnow) {
  for (const char* json :
       {"{}", R"({"node":5,"ports":{},"peers":[1,null,"x",[]],"tunnels":[{},3],"maps":[5]})",
        R"({"peers":[{"links":[{"first":"x"}],"paths":[{}]}],"ports":[{"cap":[]}]})"}) {
    EXPECT_NE(OverviewText(Json::parse(json)), "") << json;
  }
  EXPECT_EQ(OverviewText(Json::parse(R"({"ports":[{"name":"\u001b[2J"}]})")).find('\x1b'),
            std::string::npos);
}

// --- Problems. ---

// The only one there is.
Problem Only(const Json& status) {
  const std::vector<Problem> problems = ProblemsOf(status);
  EXPECT_EQ(problems.size(), 1u);
  return problems.empty() ? Problem() : problems.front();
}

TEST(ProblemsTest, AHealthyNodeHasNone) { EXPECT_TRUE(ProblemsOf(Healthy()).empty()); }

TEST(ProblemsTest, ALinkThatIsDownSaysWhyAndWhatToDo) {
  struct Case {
    const char* state;
    const char* reason;
    const char* remedy;
  };
  for (const Case& c : std::vector<Case>{
           {"down", "interface wwan0 has no link", "look at its cable, its modem or its SIM"},
           {"down", "interface wwan0 is down", "ip link set wwan0 up"},
           {"up", "", ""},
           {"missing", "there is no network interface wwan0", "ip link show says whether wwan0"},
           {"stale", "its worker does not answer", "restart"}}) {
    Json status = Healthy();
    status["ports"][1]["state"] = c.state;
    status["ports"][1]["reason"] = c.reason;
    status["ports"][1]["since_s"] = 307;
    status["peers"][0]["paths"].erase(1);
    if (std::string(c.state) == "up") {
      EXPECT_TRUE(ProblemsOf(status).empty());
      continue;
    }
    const Problem problem = Only(status);
    EXPECT_EQ(problem.what, std::string("link lte is ") + c.state);
    EXPECT_EQ(problem.since, "5m07s");
    EXPECT_EQ(problem.why, c.reason);
    EXPECT_THAT(problem.remedy, HasSubstr(c.remedy));
  }
}

TEST(ProblemsTest, ALinkThatReachesNobodySaysSo) {
  Json status = Healthy();
  Json& path = status["peers"][0]["paths"][1];
  path["state"] = "lost";
  path["reason"] = "no answer";
  const Problem problem = Only(status);
  EXPECT_EQ(problem.what, "link lte does not reach peer hq");
  EXPECT_EQ(problem.since, "5m07s");
  EXPECT_EQ(problem.why, "no answer");
  EXPECT_THAT(problem.remedy, StartsWith("ping -I wwan0 198.51.100.7; "));
  // Another endpoint that it does reach is enough.
  Json other = path;
  other["state"] = "active";
  status["peers"][0]["paths"].push_back(other);
  EXPECT_TRUE(ProblemsOf(status).empty());
}

TEST(ProblemsTest, WhatIsWorstComesFirst) {
  Json status = Healthy();
  status["peers"][0]["paths"][0]["loss"] = 0.125;
  status["peers"][0]["paths"][0]["black_hole"] = true;
  status["ports"][1]["cap"]["state"] = "reached";
  status["ports"][1]["cap"]["problem"] = "the disk is full";
  status["maps"][0]["state"] = "silent";
  status["tunnels"][0]["gate"]["trouble"] = "interface warp0: busy";
  Json away = status["peers"][0];
  away["name"] = "away";
  away["state"] = "connecting";
  away["key_used_by"] = {"10.1.0.2", "10.3.0.2"};
  status["peers"].push_back(away);
  std::vector<std::string> what;
  for (const Problem& problem : ProblemsOf(status)) {
    what.push_back(problem.what);
    EXPECT_FALSE(problem.remedy.empty()) << problem.what;
  }
  EXPECT_THAT(what, ::testing::ElementsAre(
                        "peer away is not connected", "two nodes seem to use the key of peer away",
                        "link lte has used up its data cap", "link fibre to peer hq loses 12.5%",
                        "link fibre to peer hq swallows large packets", "map map:13116 is silent",
                        "the gate of tunnel video has trouble",
                        "data caps are not counted as they should be"));
}

}  // namespace
}  // namespace warp::tools
