// What `warp reload` makes of a daemon's report.
#include "tools/reload/reload.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace warp::tools {
namespace {

using Json = nlohmann::ordered_json;

Json Report(const std::string& state, const std::string& message = "") {
  return {{"state", state},
          {"file", "/etc/warp/warpd.yaml"},
          {"since_s", 0.1},
          {"confirm_within_s", state == "unconfirmed" ? Json(59.2) : Json(nullptr)},
          {"message", message},
          {"changes", Json::array()}};
}

TEST(ReloadText, ShowsEachChange) {
  Json report = Report("applied");
  report["changes"] = Json::parse(R"([
    {"kind":"port","name":"wan2","change":"added","effect":"live","keys":[]},
    {"kind":"peer","name":"lab","change":"removed","effect":"live","keys":[]},
    {"kind":"tunnel","name":"video","change":"changed","effect":"reopens",
     "keys":[{"key":"gate.loopback.listen","before":"127.0.0.1:9000","after":""}]}])");
  const ReloadText text = TextOfReload(report);
  EXPECT_EQ(text.changes,
            "+ port wan2\n"
            "- peer lab\n"
            "~ tunnel video (reopens)\n"
            "    gate.loopback.listen: 127.0.0.1:9000 -> nothing\n");
  EXPECT_EQ(text.verdict, "applied\n");
  EXPECT_TRUE(text.good);
  EXPECT_TRUE(text.ended);
}

TEST(ReloadText, SaysWhatBecameOfIt) {
  EXPECT_EQ(TextOfReload(Report("none")).verdict,
            "nothing was reloaded since the daemon started\n");
  EXPECT_EQ(TextOfReload(Report("applied", "nothing differs")).verdict, "nothing differs\n");
  const ReloadText unconfirmed = TextOfReload(Report("unconfirmed"));
  EXPECT_EQ(unconfirmed.verdict,
            "applied, and undone in 60 s unless you type: warp reload --confirm-now\n");
  EXPECT_TRUE(unconfirmed.good);
  const ReloadText refused = TextOfReload(Report("refused", "f:1: node: no\nf:2: ports: no"));
  EXPECT_EQ(refused.verdict, "f:1: node: no\nf:2: ports: no\nrefused, and nothing was changed\n");
  EXPECT_FALSE(refused.good);
  const ReloadText undone = TextOfReload(Report("rolled_back", "port wan2: busy"));
  EXPECT_EQ(undone.verdict, "undone, because:\nport wan2: busy\n");
  EXPECT_FALSE(undone.good);
}

TEST(ReloadText, WaitsWhileItIsUnderWay) {
  for (const char* const state : {"checking", "applying", "rolling_back"}) {
    EXPECT_FALSE(TextOfReload(Report(state)).ended) << state;
    EXPECT_FALSE(TextOfReload(Report(state)).good) << state;
  }
}

// A daemon of another version may say anything, and nothing of it reaches the terminal's controls.
TEST(ReloadText, NeedsNothingOfAReport) {
  EXPECT_FALSE(TextOfReload(Json::object()).good);
  Json report = Report("refused", "\x1b[2J");
  report["changes"] = Json::array({1, "x", {{"kind", 7}, {"keys", 3}}});
  EXPECT_EQ(TextOfReload(report).verdict, "?[2J\nrefused, and nothing was changed\n");
  EXPECT_EQ(TextOfReload(report).changes, "~  \n");
}

}  // namespace
}  // namespace warp::tools
