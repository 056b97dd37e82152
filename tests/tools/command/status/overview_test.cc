#include "tools/command/status/overview.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "tools/watch/model/sample.h"

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
  {"port":"fibre","endpoint":"198.51.100.7:13116","state":"active","reason":"probe answered","carries":true,"since_s":266519,"rtt_ms":8.1,"loss":0,"black_hole":false},
  {"port":"lte","endpoint":"198.51.100.7:13116","state":"active","reason":"probe answered","carries":true,"since_s":307,"rtt_ms":41.9,"loss":0.01,"black_hole":false}]}],
"tunnels":[{"name":"video","peer":"hq","mode":"replicate","from_app_rate":12500000,"to_app_rate":0,"from_app":5,"to_app":6,"gate":{},"drops":{"deadline":2}}]})");
}

std::string Shown(const Json& status) {
  const absl::StatusOr<Sample> sample = ReadSample(status.dump());
  EXPECT_TRUE(sample.ok()) << sample.status();
  return sample.ok() ? OverviewText(*sample) : "";
}

std::string FirstLine(const Json& status) {
  const std::string text = Shown(status);
  return text.substr(0, text.find('\n'));
}

TEST(OverviewTest, OneScreenSaysItAll) {
  EXPECT_EQ(Shown(Healthy()),
            R"(It works. 2 of 2 links carry payloads to hq.
warpd 0.1.0, running for 3d02h

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

TEST(OverviewTest, SaysWhatIsWrongAndWhatToDo) {
  Json status = Healthy();
  status["peers"][0]["paths"][1]["state"] = "lost";
  status["peers"][0]["paths"][1]["reason"] = "no answer";
  status["peers"][0]["paths"][1]["carries"] = false;
  EXPECT_EQ(FirstLine(status),
            "It works, but link lte does not reach peer hq. 1 of 2 links carries payloads to hq.");
  EXPECT_THAT(Shown(status), HasSubstr(R"(
  Link lte does not reach peer hq, for 5m07s: no answer
    See whether anything answers through it: `ping -I wwan0 198.51.100.7`)"));
}

TEST(OverviewTest, SaysThatAPeerIsReachedThroughARelayAlone) {
  Json status = Healthy();
  status["peers"][0]["paths"][0]["relayed"] = true;
  EXPECT_THAT(Shown(status), Not(HasSubstr("relay")));
  status["peers"][0]["paths"][1]["relayed"] = true;
  EXPECT_THAT(Shown(status), HasSubstr("\nhq    connected through a map's relay  3d02h  2 of 2\n"));
}

// Where payloads are spread nothing would have been lost, so that only shares can be told.
TEST(OverviewTest, WhatALinkIsWorthDependsOnTheCopies) {
  Json status = Healthy();
  status["peers"][0]["copies"] = 1.0;
  EXPECT_THAT(Shown(status), HasSubstr("brings 90.0% of what comes"));
  EXPECT_THAT(Shown(status), Not(HasSubstr("saved")));
  for (Json& link : status["peers"][0]["links"]) link["first"] = 0;
  EXPECT_THAT(Shown(status), HasSubstr("no payloads yet"));
  status = Healthy();
  status["peers"][0]["links"][0]["sole"] = 0;
  EXPECT_THAT(Shown(status), HasSubstr("the fastest; others would have brought all as well"));
}

TEST(OverviewTest, ManyOfAKindAreCounted) {
  Json status = Healthy();
  const Json peer = status["peers"][0];
  for (int i = 0; i < 200; ++i) status["peers"].push_back(peer);
  Json last = peer;
  last["name"] = "bad";
  last["state"] = "connecting";
  status["peers"].push_back(last);
  const std::string text = Shown(status);
  EXPECT_THAT(text, HasSubstr("\nbad   connecting"));
  EXPECT_THAT(text, HasSubstr("\nand 190 more\n"));
}

TEST(OverviewTest, BearsWhatItDoesNotKnow) {
  for (const char* json :
       {R"({"node":{}})", R"({"node":{},"ports":{},"peers":[1,null,"x",[],{}],"tunnels":[{},3]})",
        R"({"node":{},"peers":[{"links":[{"first":"x"}],"paths":[{}]}],"ports":[{"cap":[]}]})"}) {
    EXPECT_NE(Shown(Json::parse(json)), "") << json;
  }
  EXPECT_EQ(Shown(Json::parse(R"({"node":{},"ports":[{"name":"\u001b[2J"}]})")).find('\x1b'),
            std::string::npos);
}

}  // namespace
}  // namespace warp::tools
