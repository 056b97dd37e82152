// What clients ask about reloads, and who may.
#include "control/status/reload_requests.h"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_split.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

using nlohmann::json;

// A node whose configuration is whatever it is told.
class AnyTarget : public ReloadTarget {
 public:
  std::shared_ptr<const config::NodeConfig> shared_config() const override { return running; }
  std::string Obstacles(const std::vector<config::EntryChange>&,
                        const config::NodeFile&) const override {
    return "";
  }
  void Prepare(const std::vector<config::EntryChange>&, const config::NodeFile&) override {}
  absl::StatusOr<bool> Prepared() const override { return true; }
  void Exchange(config::NodeConfig& config) override { std::swap(*running, config); }
  absl::Status Take(const Step&, const config::NodeConfig&, const config::NodeConfig&) override {
    return absl::OkStatus();
  }
  absl::StatusOr<bool> Settled() const override { return true; }
  void End(std::span<const Step>) override {}
  const std::shared_ptr<config::NodeConfig> running = std::make_shared<config::NodeConfig>();
};

class ReloadRequestsTest : public testing::Test {
 protected:
  absl::StatusOr<json> Ask(const std::string& line, bool may_change = true) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    const auto text = AnswerReload(reload_, loop_->now(), words, may_change);
    if (!text.ok()) return text.status();
    const json answer = json::parse((*text)());
    EXPECT_EQ(answer.at("reload").size(), 1u);
    return answer["reload"][0];
  }
  std::string State(const std::string& line, bool may_change = true) {
    const auto report = Ask(line, may_change);
    return report.ok() ? report->at("state").get<std::string>()
                       : std::string(report.status().message());
  }
  void TurnUntilEnd() {
    EXPECT_TRUE(TurnUntil(*loop_, [this] {
      return !reload_.under_way() || reload_.state() == ReloadState::kUnconfirmed;
    }));
  }

  const std::unique_ptr<Loop> loop_ = MakeLoop();
  AnyTarget target_;
  Reload reload_{*loop_,
                 target_,
                 {.file = "/etc/warp/warpd.yaml",
                  .info = [](const std::string&) {},
                  .warn = [](const std::string&) {},
                  .load = [](const std::string& path) -> absl::StatusOr<config::NodeFile> {
                    config::NodeFile file{.path = path, .config = {}, .lines = {}};
                    file.config.ports.emplace_back().name = "wan0";
                    return file;
                  }}};
};

TEST_F(ReloadRequestsTest, BeginsOneAndShowsWhatBecomesOfIt) {
  EXPECT_EQ(State("reload show"), "none");
  EXPECT_EQ(State("reload"), "checking");
  TurnUntilEnd();
  const auto report = Ask("reload show");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->at("state"), "applied");
  EXPECT_EQ(report->at("file"), "/etc/warp/warpd.yaml");
  EXPECT_EQ(report->at("message"), "");
  EXPECT_TRUE(report->at("confirm_within_s").is_null());
  EXPECT_EQ(report->at("changes"), json::parse(R"([{"kind":"port","name":"wan0","change":"added",
                                                    "effect":"live","keys":[]}])"));
}

TEST_F(ReloadRequestsTest, OneThatIsToBeConfirmed) {
  EXPECT_EQ(State("reload confirm"), "no reload waits to be confirmed");
  EXPECT_EQ(State("reload within 60"), "checking");
  TurnUntilEnd();
  const auto report = Ask("reload show");
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->at("state"), "unconfirmed");
  EXPECT_GT(report->at("confirm_within_s"), 0);
  EXPECT_LE(report->at("confirm_within_s"), 60);
  EXPECT_EQ(State("reload confirm"), "applied");
}

TEST_F(ReloadRequestsTest, WhoMayNotChangeMayLook) {
  const std::string refusal =
      "only root and the user that warpd runs as may reload the configuration";
  EXPECT_EQ(State("reload", false), refusal);
  EXPECT_EQ(State("reload within 9", false), refusal);
  EXPECT_EQ(State("reload confirm", false), refusal);
  EXPECT_EQ(State("reload show", false), "none");
}

TEST_F(ReloadRequestsTest, WordsThatMeanNothingChangeNothing) {
  for (const char* const line :
       {"reload now", "reload within", "reload within 0", "reload within 86401", "reload within -1",
        "reload within 1 2", "reload show wan0", "reload ", "reload within 99999999999999999999"}) {
    EXPECT_TRUE(State(line).starts_with("requests are: reload;")) << line;
  }
  EXPECT_EQ(State("reload show"), "none");
}

}  // namespace
}  // namespace warp::control
