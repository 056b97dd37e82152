#include "tools/watch/model/sample.h"

#include <gtest/gtest.h>

#include "tests/tools/watch/sample_document.h"

namespace warp::tools {
namespace {

using Json = nlohmann::json;

Sample Read(const Json& json) {
  absl::StatusOr<Sample> sample = ReadSample(json.dump());
  EXPECT_TRUE(sample.ok()) << sample.status();
  return sample.ok() ? *sample : Sample{};
}

TEST(SampleTest, HasWhatTheDocumentSays) {
  const Sample sample = Read(NodeDocument());
  EXPECT_EQ(sample.key, "J8sk3d4vKEY");
  EXPECT_EQ(sample.uptime_s, 100);
  ASSERT_EQ(sample.links.size(), 2u);
  EXPECT_EQ(sample.links[1].name, "lte");
  EXPECT_EQ(sample.links[1].bytes->out, 1000);
  ASSERT_EQ(sample.paths.size(), 2u);
  EXPECT_EQ(sample.paths[0].peer, "hq");
  EXPECT_EQ(sample.paths[0].rtt_ms, 20.25);
  EXPECT_FALSE(sample.paths[0].skew_ms);
  ASSERT_EQ(sample.tunnels.size(), 1u);
  EXPECT_EQ(sample.tunnels[0].lost, 3);
  EXPECT_EQ(sample.tunnels[0].dropped, 2);
  EXPECT_EQ(sample.drops.size(), 2u);
}

TEST(SampleTest, ALinkIsWorthWhatItDidForAllPeers) {
  Json json = NodeDocument();
  EXPECT_FALSE(Read(json).links[0].worth);
  const auto link = [](const char* port, int first, int sole) {
    return Json{
        {"port", port}, {"first", first}, {"sole", sole}, {"rx_bytes", 5e9}, {"tx_bytes", 1e9}};
  };
  json["peers"][0]["copies"] = 1.9;
  json["peers"][0]["links"] = {link("fibre", 880, 20), link("lte", 10, 5), link("gone", 10, 0)};
  json["peers"].push_back({{"name", "b"}, {"copies", 1}, {"links", {link("lte", 100, 0)}}});
  const Sample sample = Read(json);
  EXPECT_EQ(WorthFigures(*sample.links[0].worth),
            "saved 20 payloads (2.000%), first for 88.0%, 5.00 GB in, 1.00 GB out");
  EXPECT_EQ(WorthFigures(*sample.links[1].worth),
            "saved 5 payloads (0.500%), first for 11.0%, 10.00 GB in, 2.00 GB out");
  json["peers"][0]["copies"] = 1.0;
  EXPECT_EQ(WorthFigures(*Read(json).links[1].worth),
            "brings 11.0% of what comes, 10.00 GB in, 2.00 GB out");
}

TEST(SampleTest, WhatALinkIsWorthIsSaidInWords) {
  EXPECT_EQ(WorthText({}), "no payloads yet");
  EXPECT_EQ(WorthText({.came = 9, .first_share = 0.75}),
            "the fastest; others would have brought all as well");
  EXPECT_EQ(WorthText({.came = 9, .first_share = 0.25}),
            "others brought everything as well, and sooner");
}

TEST(SampleTest, APathThatIsLostLosesEverything) {
  Json json = NodeDocument();
  json["peers"][0]["paths"][1]["loss"] = 0.25;
  EXPECT_EQ(Read(json).paths[1].loss, 0.25);
  json["peers"][0]["paths"][1]["state"] = "lost";
  EXPECT_EQ(Read(json).paths[1].loss, 1);
}

TEST(SampleTest, AMapHasCounts) {
  const Sample sample = Read({{"version", 1}, {"map", {{"registrations", 4}, {"uptime_s", 9}}}});
  EXPECT_TRUE(sample.is_map);
  EXPECT_EQ(sample.counts.at(0), std::make_pair(std::string("registrations"), 4.0));
}

TEST(SampleTest, RefusesWhatIsNoStatusAndOtherVersions) {
  for (const char* text : {"", "[]", "{}", "{\"node\":3}", "nonsense", "{\"version\":1}"}) {
    EXPECT_FALSE(ReadSample(text).ok()) << text;
  }
  Json json = NodeDocument();
  json["version"] = 2;
  const absl::StatusOr<Sample> later = ReadSample(json.dump());
  ASSERT_FALSE(later.ok());
  EXPECT_NE(later.status().message().find("upgrade the older"), std::string::npos);
}

TEST(SampleTest, WrongTypesAreNothingKnown) {
  Json json = NodeDocument();
  json["ports"] = {1, "two", nullptr, {{"name", 7}, {"tx_bytes", "many"}, {"cap", 3}}};
  json["peers"] = {
      {{"name", "hq"}, {"paths", {{{"rtt_ms", "slow"}, {"loss", -4}, {"mtu", 1e300}}}}}};
  json["tunnels"] = "none";
  json["drops"] = {1, 2};
  const Sample sample = Read(json);
  ASSERT_EQ(sample.links.size(), 1u);
  EXPECT_EQ(sample.links[0].name, "");
  EXPECT_FALSE(sample.links[0].bytes);
  ASSERT_EQ(sample.paths.size(), 1u);
  EXPECT_FALSE(sample.paths[0].rtt_ms);
  EXPECT_EQ(sample.paths[0].loss, 0);
  EXPECT_EQ(sample.paths[0].mtu, 1e18);
  EXPECT_TRUE(sample.tunnels.empty());
  EXPECT_TRUE(sample.drops.empty());
}

TEST(SampleTest, TextIsShortAndHasNoControlCharacters) {
  Json json = NodeDocument();
  json["ports"][0]["name"] = "a\x1b[2Jb\n";
  json["ports"][1]["reason"] = std::string(399, 'x') + "ää";
  const Sample sample = Read(json);
  EXPECT_EQ(sample.links[0].name, "a?[2Jb?");
  EXPECT_EQ(sample.links[1].reason, std::string(399, 'x'));  // not half of a letter
}

TEST(SampleTest, ListsAreBounded) {
  Json json = NodeDocument();
  const Json path = json["peers"][0]["paths"][0];
  for (int peer = 0; peer < 3; ++peer) {
    json["peers"][peer] = {{"name", "p"}, {"state", "connected"}, {"paths", Json::array()}};
    for (size_t i = 0; i < kMaxWatched / 2; ++i) json["peers"][peer]["paths"].push_back(path);
  }
  const Sample sample = Read(json);
  EXPECT_EQ(sample.paths.size(), kMaxWatched);
  EXPECT_EQ(sample.left_out, kMaxWatched / 2);
}

}  // namespace
}  // namespace warp::tools
