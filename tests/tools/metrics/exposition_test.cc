// Made-up documents, good and bad, as metrics.
#include "tools/metrics/exposition.h"

#include <gtest/gtest.h>
#include <prometheus/text_serializer.h>

#include <nlohmann/json.hpp>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control/status/status_version.h"

namespace warp::tools {
namespace {

using Json = nlohmann::json;

Json Path(const std::string& port, const std::string& endpoint) {
  return {{"port", port},       {"endpoint", endpoint}, {"state", "active"}, {"rtt_ms", 12.5},
          {"skew_ms", nullptr}, {"first", 7},           {"carries", true},   {"bond", nullptr}};
}

Json Status() {
  return {
      {"version", 1},
      {"node",
       {{"version", "0.1.0"},
        {"uptime_s", 5.5},
        {"state", "running"},
        {"discovery", {{"sent", 5}, {"heard", 4}, {"dropped", {{"stranger", 3}}}}}}},
      {"ports",
       {{{"name", "wan0"},
         {"state", "up"},
         {"rate", {{"up", 8000}}},
         {"cap", nullptr},
         {"tx_bytes", 1234567890123},
         {"drops", {{"malformed", 2}}}}}},
      {"maps",
       {{{"address", "a:1"}, {"state", "registered"}}, {{"address", "b:1"}, {"state", "silent"}}}},
      {"peers",
       {{{"name", "hq"},
         {"state", "connected"},
         {"paths", {Path("wan0", "10.2.0.2:13116")}},
         {"links", {{{"port", "wan0"}, {"sole", 3}, {"skew_ms", 1.5}}}}}}},
      {"tunnels",
       {{{"name", "video"}, {"peer", "hq"}, {"from_app", 9}, {"drops", {{"too_large", 1}}}}}},
      {"drops", {{"malformed", 2}, {"too_large", 1}}}};
}

// The text as Prometheus gets it, without the lines of help and type.
std::set<std::string> Series(const Exposition& exposition) {
  std::set<std::string> series;
  const std::string text = prometheus::TextSerializer().Serialize(exposition.families);
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    if (line[0] == '#') continue;
    EXPECT_TRUE(series.insert(std::string(line)).second) << "twice: " << line;
  }
  return series;
}

std::set<std::string> Series(const Json& status) { return Series(Expose(status.dump())); }

bool Has(const std::set<std::string>& series, const std::string& start) {
  const auto found = series.lower_bound(start);
  return found != series.end() && found->starts_with(start);
}

TEST(ExpositionTest, ShowsANode) {
  const std::set<std::string> series = Series(Status());
  for (const char* line :
       {"warp_up 1",
        "warp_status_version 1",
        "warp_status_malformed_fields 0",
        "warp_build_info{version=\"0.1.0\"} 1",
        "warp_uptime_seconds 5.5",
        "warp_draining 0",
        "warp_maps 2",
        "warp_discovery_sent_total 5",
        "warp_discovery_heard_total 4",
        "warp_discovery_dropped_total{reason=\"stranger\"} 3",
        "warp_maps_registered 1",
        "warp_port_up{port=\"wan0\"} 1",
        "warp_port_transmit_limit_bytes_per_second{port=\"wan0\"} 1000",
        "warp_port_transmit_bytes_total{port=\"wan0\"} 1234567890123",
        "warp_port_drops_total{port=\"wan0\",drop=\"malformed\"} 2",
        "warp_peer_connected{peer=\"hq\"} 1",
        "warp_link_sole_payloads_total{peer=\"hq\",port=\"wan0\"} 3",
        "warp_link_skew_seconds{peer=\"hq\",port=\"wan0\"} 0.0015",
        "warp_path_active{peer=\"hq\",port=\"wan0\",path=\"10.2.0.2:13116\"} 1",
        "warp_path_lost{peer=\"hq\",port=\"wan0\",path=\"10.2.0.2:13116\"} 0",
        "warp_path_carries{peer=\"hq\",port=\"wan0\",path=\"10.2.0.2:13116\"} 1",
        "warp_path_first_packets_total{peer=\"hq\",port=\"wan0\",path=\"10.2.0.2:13116\"} 7",
        "warp_path_round_trip_seconds{peer=\"hq\",port=\"wan0\",path=\"10.2.0.2:13116\"} 0.0125",
        "warp_tunnel_from_app_payloads_total{tunnel=\"video\",peer=\"hq\"} 9",
        "warp_tunnel_drops_total{tunnel=\"video\",peer=\"hq\",drop=\"too_large\"} 1",
        "warp_drops_total{drop=\"malformed\"} 2",
        "warp_drops_total{drop=\"truncated\"} 0"}) {
    EXPECT_TRUE(series.contains(line)) << line;
  }
  for (const char* start : {"warp_path_skew", "warp_path_capacity", "warp_port_cap", "warp_map_"})
    EXPECT_FALSE(Has(series, start)) << start;  // null, or of another daemon
}

TEST(ExpositionTest, ANodeThatDiscoversNobodyHasNoSeriesOfIt) {
  Json status = Status();
  status["node"]["discovery"] = nullptr;
  const std::set<std::string> series = Series(status);
  EXPECT_FALSE(Has(series, "warp_discovery"));
  EXPECT_TRUE(series.contains("warp_status_malformed_fields 0"));
}

TEST(ExpositionTest, ShowsAMap) {
  const std::set<std::string> series = Series(Json{{"version", 1},
                                                   {"map",
                                                    {{"version", "0.1.0"},
                                                     {"uptime_s", 4},
                                                     {"registrations", 3},
                                                     {"sessions", 2},
                                                     {"lookups", 11},
                                                     {"pushes", 5}}},
                                                   {"drops", Json::object()}});
  for (const char* line :
       {"warp_up 1", "warp_map_registrations 3", "warp_map_sessions 2", "warp_map_lookups_total 11",
        "warp_map_pushes_total 5", "warp_map_build_info{version=\"0.1.0\"} 1"}) {
    EXPECT_TRUE(series.contains(line)) << line;
  }
}

TEST(ExpositionTest, ADaemonThatDoesNotAnswerIsDown) {
  const Exposition exposition = Expose(absl::UnavailableError("it says nothing"));
  EXPECT_EQ(exposition.trouble, "it says nothing");
  EXPECT_EQ(Series(exposition),
            (std::set<std::string>{"warp_up 0", "warp_status_malformed_fields 0"}));
}

TEST(ExpositionTest, WhatIsNoStatusIsSaid) {
  for (const std::string& text :
       {std::string(), std::string("hello"), std::string("[1]"), std::string("{}"),
        std::string(R"({"error":"no"})"), std::string("{\"node\":{\"uptime_s\":1e999}}"),
        Status().dump().substr(0, 200), std::string(1 << 20, '['),
        std::string("{\"node\":\"\xff\"}"), std::string(R"({"version":"one","node":{}})"),
        std::string(R"({"version":1.5,"node":{}})")}) {
    const Exposition exposition = Expose(text);
    EXPECT_NE(exposition.trouble, "") << text.substr(0, 100);
    EXPECT_TRUE(Series(exposition).contains("warp_up 0")) << text.substr(0, 100);
  }
}

TEST(ExpositionTest, OlderAndNewerVersions) {
  EXPECT_EQ(kKnownStatusVersion, control::kStatusVersion);
  Json status = Status();
  status.erase("version");  // of a daemon of before there was one
  EXPECT_TRUE(Series(status).contains("warp_up 1"));
  EXPECT_FALSE(Has(Series(status), "warp_status_version"));
  for (const int version : {0, 2, -1}) {
    status["version"] = version;
    const Exposition exposition = Expose(status.dump());
    EXPECT_EQ(exposition.trouble, absl::StrCat("the status is of version ", version,
                                               ", and this program understands version 1"));
    EXPECT_EQ(Series(exposition),
              (std::set<std::string>{"warp_up 0", "warp_status_malformed_fields 0",
                                     absl::StrCat("warp_status_version ", version)}));
  }
  // What a later program adds is nothing to this one.
  status["version"] = 1;
  status["ports"][0]["colour"] = {{"red", 1}};
  status["ports"][0]["state"] = "resting";
  EXPECT_TRUE(Series(status).contains("warp_port_up{port=\"wan0\"} 0"));
  EXPECT_TRUE(Series(status).contains("warp_status_malformed_fields 0"));
}

TEST(ExpositionTest, FieldsOfAnotherTypeAreCountedAndTheOthersShown) {
  const auto with = [](const Json::json_pointer& at, const Json& value) {
    Json status = Status();
    status[at] = value;
    return Series(status);
  };
  const std::string bytes = "warp_port_transmit_bytes_total";
  const auto tx = "/ports/0/tx_bytes"_json_pointer;
  for (const Json& value : {Json("12"), Json(true), Json(-1), Json::array(), Json::object()}) {
    const std::set<std::string> series = with(tx, value);
    EXPECT_TRUE(series.contains("warp_status_malformed_fields 1")) << value;
    EXPECT_FALSE(Has(series, bytes)) << value;
    EXPECT_TRUE(series.contains("warp_port_up{port=\"wan0\"} 1")) << value;
  }
  EXPECT_FALSE(Has(with(tx, nullptr), bytes));
  EXPECT_TRUE(with(tx, nullptr).contains("warp_status_malformed_fields 0"));
  // An element without its name cannot be told from others, so that all metrics of it are missing.
  EXPECT_FALSE(Has(with("/ports/0/name"_json_pointer, 1), "warp_port_"));
  EXPECT_FALSE(Has(with("/ports/0"_json_pointer, "wan0"), "warp_port_"));
  EXPECT_FALSE(Has(with("/ports"_json_pointer, 7), "warp_port_"));
  EXPECT_TRUE(with("/ports"_json_pointer, 7).contains("warp_up 1"));
  EXPECT_FALSE(Has(with("/peers/0/paths/0/bond"_json_pointer, 7), "warp_path_capacity"));
}

TEST(ExpositionTest, SeriesBeyondTheLimitAreOther) {
  Json status = Status();
  status["peers"] = Json::array();
  for (int i = 0; i < 5; ++i) {
    Json path = Path("wan0", absl::StrCat("10.2.0.", i, ":1"));
    path["rtt_ms"] = 1000 * (i % 3);
    status["peers"].push_back(
        {{"name", absl::StrCat("p", i)}, {"state", "connected"}, {"paths", {path}}});
  }
  status["peers"][4]["state"] = "connecting";
  const std::set<std::string> series = Series(Expose(status.dump(), 2));
  const std::string labels = R"({peer="other",port="other",path="other"} )";
  for (const std::string& line :
       {"warp_path_first_packets_total" + labels + "21", "warp_path_active" + labels + "3",
        "warp_path_round_trip_seconds" + labels + "2",
        std::string(
            "warp_path_first_packets_total{peer=\"p1\",port=\"wan0\",path=\"10.2.0.1:1\"} 7"),
        std::string("warp_peer_connected{peer=\"other\"} 0"),
        std::string("warp_drops_total{drop=\"other\"} 3")}) {
    EXPECT_TRUE(series.contains(line)) << line;
  }
  for (const prometheus::MetricFamily& family : Expose(status.dump(), 2).families) {
    EXPECT_LE(family.metric.size(), 3u) << family.name;
  }
}

TEST(ExpositionTest, EqualLabelsAreOneSeries) {
  Json status = Status();
  status["peers"][0]["paths"].push_back(Path("wan0", "10.2.0.2:13116"));
  EXPECT_TRUE(Series(status).contains(
      "warp_path_first_packets_total{peer=\"hq\",port=\"wan0\",path=\"10.2.0.2:13116\"} 14"));
}

TEST(ExpositionTest, LabelsAreText) {
  Json status = Status();
  status["ports"][0]["name"] = "a\"b\\c\nd\x01\x7f é";
  EXPECT_TRUE(Series(status).contains("warp_port_up{port=\"a\\\"b\\\\c?d?? é\"} 1"));
  std::string name(kMaxLabelSize - 1, 'x');
  status["ports"][0]["name"] = name + "é" + std::string(1 << 20, 'y');
  EXPECT_TRUE(Series(status).contains("warp_port_up{port=\"" + name + "\"} 1"));
}

}  // namespace
}  // namespace warp::tools
