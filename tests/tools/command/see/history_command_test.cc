#include "tools/command/see/history_command.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

namespace warp::tools {
namespace {

using Json = nlohmann::ordered_json;

TEST(HistoryTextTest, ComparesLinksPeriodByPeriod) {
  setenv("TZ", "UTC", 1);
  const Json history = Json::parse(R"([
    {"port":"fibre","by":"hour","records":[
      {"begins":"2026-11-30T09:00:00Z","up_s":3600,"first":900,"sole":100,"duplicates":90,"skew_ms":1.25,"rx_bytes":2000000000,"tx_bytes":5},
      {"begins":"2026-11-30T10:00:00Z","up_s":60,"first":0,"sole":0,"duplicates":0,"skew_ms":null,"rx_bytes":0,"tx_bytes":0}]},
    {"port":"lte","by":"hour","records":[
      {"begins":"2026-11-30T09:00:00Z","up_s":1800,"first":100,"sole":1,"duplicates":800,"skew_ms":33.5,"rx_bytes":1000000000,"tx_bytes":5}]}])");
  EXPECT_EQ(
      HistoryText(history),
      "BEGINS            LINK   FIRST  OF ALL  BEHIND ms   ONLY BY IT  RECEIVED  SENT      UP\n"
      "2026-11-30 09:00  fibre    900   90.0%        1.2  100 10.000%    2.0 GB   5 B   1h00m\n"
      "                  lte      100   10.0%       33.5     1 0.100%    1.0 GB   5 B  30m00s\n"
      "2026-11-30 10:00  fibre      0       -          -          0 -       0 B   0 B   1m00s\n");
}

TEST(HistoryTextTest, BearsWhatItDoesNotKnow) {
  EXPECT_EQ(HistoryText(Json::array()), "nothing is known yet\n");
  for (const char* json :
       {"[5]", "[null]", R"([{"port":5,"records":{}}])",
        R"([{"port":"\u001b","by":"x","records":[null,{"begins":5,"first":-1}]}])"}) {
    EXPECT_EQ(HistoryText(Json::parse(json)).find('\x1b'), std::string::npos) << json;
  }
}

}  // namespace
}  // namespace warp::tools
