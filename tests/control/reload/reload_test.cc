// A reload from the file to its end, over parts that only write down what is asked of them.
#include "control/reload/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <mutex>

#include "absl/strings/str_cat.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

using namespace std::chrono_literals;
using config::EntryKind;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kFile[] = "f.yaml";

// Of these ports, whose tiers follow their names: "a1 b2".
config::NodeConfig WithPorts(const std::vector<std::string>& ports) {
  config::NodeConfig config;
  for (const std::string& port : ports) {
    config::PortConfig& added = config.ports.emplace_back();
    added.name = port.substr(0, 1);
    added.tier = static_cast<uint8_t>(port[1] - '0');
    added.device = wire::KernelDevice{.interface = "i" + added.name};
  }
  return config;
}

class FakeTarget : public ReloadTarget {
 public:
  const config::NodeConfig& config() const override { return running; }
  std::string Obstacles(const std::vector<config::EntryChange>&,
                        const config::NodeFile&) const override {
    return obstacles;
  }
  void Prepare(const std::vector<config::EntryChange>&, const config::NodeFile&) override {
    ++prepares;
  }
  absl::StatusOr<bool> Prepared() const override { return prepared; }
  void Exchange(config::NodeConfig& config) override {
    std::swap(running, config);
    log.push_back("exchange");
  }
  absl::Status Take(const Step& step, const config::NodeConfig& before,
                    const config::NodeConfig& after) override {
    EXPECT_EQ(&after, &running);
    std::string line;
    if (step.act == Step::Act::kClose) line = "close " + before.ports.at(step.before).name;
    if (step.act == Step::Act::kOpen) line = "open " + after.ports.at(step.after).name;
    if (step.act == Step::Act::kRetune)
      line = absl::StrCat("retune ", before.ports.at(step.before).name, " to ",
                          after.ports.at(step.after).tier);
    if (line == fails) return absl::UnavailableError(line + " failed");
    log.push_back(line);
    return absl::OkStatus();
  }
  absl::StatusOr<bool> Settled() const override { return settled; }
  void End(std::span<const Step> lacking) override {
    ++ends;
    for (const Step& step : lacking) {
      EXPECT_EQ(step.act, Step::Act::kOpen);
      lacks.push_back(running.ports.at(step.after).name);
    }
  }

  config::NodeConfig running = WithPorts({"a1", "b1"});
  std::string obstacles, fails;
  absl::StatusOr<bool> settled = true, prepared = true;
  int prepares = 0;
  std::vector<std::string> log, lacks;
  int ends = 0;
};

class ReloadTest : public testing::Test {
 protected:
  // The file has these ports from now on.
  void Write(const std::vector<std::string>& ports) { ports_ = ports; }
  void TurnUntilEnd() {
    EXPECT_TRUE(TurnUntil(*loop_, [this] {
      return !reload_.under_way() || reload_.state() == ReloadState::kUnconfirmed;
    }));
  }
  void Run(std::optional<wire::Duration> confirm = std::nullopt) {
    ASSERT_EQ(reload_.Begin(confirm), absl::OkStatus());
    EXPECT_EQ(reload_.state(), ReloadState::kChecking);
    TurnUntilEnd();
  }
  std::string Ports() const {
    std::string text;
    for (const config::PortConfig& port : target_.running.ports)
      absl::StrAppend(&text, text.empty() ? "" : " ", port.name, port.tier);
    return text;
  }

  const std::unique_ptr<Loop> loop_ = MakeLoop();
  FakeTarget target_;
  std::vector<std::string> ports_;
  absl::Status bad_;
  std::mutex disk_;  // whoever holds it has the disk hang
  std::vector<std::string> said_, events_;
  Reload reload_{*loop_,
                 target_,
                 {.file = kFile,
                  .info = [this](const std::string& line) { said_.push_back(line); },
                  .warn = [this](const std::string& line) { said_.push_back(line); },
                  .in_force = [this](const auto& why) { events_.push_back("in force: " + why); },
                  .refused = [this](const auto& why) { events_.push_back("refused: " + why); },
                  .patience = 50ms,
                  .look = 1ms,
                  .load = [this](const std::string& file) -> absl::StatusOr<config::NodeFile> {
                    const std::lock_guard<std::mutex> disk(disk_);
                    if (!bad_.ok()) return bad_;
                    return config::NodeFile{.path = file, .config = WithPorts(ports_), .lines = {}};
                  }}};
};

TEST_F(ReloadTest, TakesEveryStep) {
  Write({"b2", "c1"});
  Run();
  EXPECT_EQ(reload_.state(), ReloadState::kApplied);
  EXPECT_THAT(target_.log, ElementsAre("exchange", "close a", "open c", "retune b to 2"));
  EXPECT_EQ(Ports(), "b2 c1");
  EXPECT_EQ(reload_.changes().size(), 3u);
  EXPECT_THAT(events_, ElementsAre("in force: reload"));
  EXPECT_EQ(reload_.message(), "");
}

TEST_F(ReloadTest, NothingIsTouchedBeforeMemoryIsThere) {
  Write({"b2", "c1"});
  target_.prepared = false;
  ASSERT_EQ(reload_.Begin(), absl::OkStatus());
  EXPECT_TRUE(TurnUntil(*loop_, [this] { return target_.prepares == 1; }));
  EXPECT_EQ(reload_.state(), ReloadState::kChecking);
  EXPECT_THAT(target_.log, IsEmpty());
  target_.prepared = true;
  TurnUntilEnd();
  EXPECT_EQ(reload_.state(), ReloadState::kApplied);
  EXPECT_EQ(Ports(), "b2 c1");
}

TEST_F(ReloadTest, WithoutMemoryItIsRefused) {
  Write({"b2", "c1"});
  target_.prepared = absl::ResourceExhaustedError("no memory\n");
  Run(60s);
  EXPECT_EQ(reload_.state(), ReloadState::kRefused);
  EXPECT_EQ(reload_.message(), "no memory\n");
  EXPECT_THAT(target_.log, IsEmpty());
  EXPECT_THAT(events_, ElementsAre("refused: no memory"));
  EXPECT_EQ(target_.ends, 1);
  target_.prepared = false;
  Run();
  EXPECT_THAT(reload_.message(), HasSubstr("memory for the new file is not there after 1 s"));
  EXPECT_THAT(target_.log, IsEmpty());
  target_.prepared = true;
  Run();
  EXPECT_EQ(reload_.state(), ReloadState::kApplied);
  EXPECT_EQ(Ports(), "b2 c1");
}

TEST_F(ReloadTest, WhereNothingDiffersNothingIsDone) {
  Write({"b1", "a1"});
  Run(60s);
  EXPECT_EQ(reload_.state(), ReloadState::kApplied);
  EXPECT_EQ(reload_.message(), "nothing differs");
  EXPECT_THAT(events_, IsEmpty());
  EXPECT_THAT(target_.log, ElementsAre("exchange"));
}

TEST_F(ReloadTest, AFileWithAMistakeTouchesNothing) {
  bad_ = absl::InvalidArgumentError("f.yaml:3: ports[0].tier: \"x\" is not a whole number");
  Run();
  EXPECT_EQ(reload_.state(), ReloadState::kRefused);
  EXPECT_EQ(reload_.message(), bad_.message());
  EXPECT_THAT(events_, ElementsAre(absl::StrCat("refused: ", bad_.message())));
  EXPECT_THAT(target_.log, IsEmpty());
  bad_ = absl::OkStatus();
  Write({"a1"});
  Run();  // and is no obstacle for the next one
  EXPECT_EQ(Ports(), "a1");
}

TEST_F(ReloadTest, WhatTheNodeCannotFollowTouchesNothing) {
  target_.obstacles = "f.yaml:5: ports[1].mtu: 9000 is too much\n";
  Write({"a2"});
  Run();
  EXPECT_EQ(reload_.state(), ReloadState::kRefused);
  EXPECT_EQ(reload_.message(), target_.obstacles);
  EXPECT_THAT(target_.log, IsEmpty());
}

TEST_F(ReloadTest, AChangeThatNeedsARestartTouchesNothing) {
  target_.running.node.listen_port = 4096;
  Write({"a2"});
  Run();
  EXPECT_EQ(reload_.state(), ReloadState::kRefused);
  EXPECT_THAT(reload_.message(), HasSubstr("node.listen_port: 4096 -> "));
  EXPECT_THAT(target_.log, IsEmpty());
}

// The steps before it are undone in reverse order, and what failed is not.
TEST_F(ReloadTest, AStepThatFailsLeadsBack) {
  Write({"b2", "c1", "d1"});
  target_.fails = "open d";
  Run();
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack);
  EXPECT_EQ(reload_.message(), "open d failed");
  EXPECT_THAT(target_.log,
              ElementsAre("exchange", "close a", "open c", "exchange", "close c", "open a"));
  EXPECT_EQ(Ports(), "a1 b1");
}

TEST_F(ReloadTest, APortThatCannotBeOpenedAfterAllLeadsBack) {
  Write({"a1", "b1", "c1"});
  target_.settled = absl::NotFoundError("port c: there is no such interface");
  Run();
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack);
  EXPECT_EQ(reload_.message(), "port c: there is no such interface");
  EXPECT_THAT(target_.log, ElementsAre("exchange", "open c", "exchange", "close c"));
}

TEST_F(ReloadTest, ADriverThatHangsLeadsBack) {
  Write({"a1", "b1", "c1"});
  target_.settled = false;
  Run();
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack);
  EXPECT_THAT(reload_.message(), HasSubstr("a port is not open after"));
  EXPECT_EQ(Ports(), "a1 b1");
}

TEST_F(ReloadTest, PortsAreWaitedForBeforeAnythingElse) {
  Write({"a2", "b1", "c1"});
  target_.settled = false;
  ASSERT_EQ(reload_.Begin(), absl::OkStatus());
  ASSERT_TRUE(TurnUntil(*loop_, [this] { return target_.log.size() == 2; }));
  for (int i = 0; i < 5; ++i) loop_->RunOnce(64);
  EXPECT_THAT(target_.log, ElementsAre("exchange", "open c"));
  target_.settled = true;
  TurnUntilEnd();
  EXPECT_THAT(target_.log, ElementsAre("exchange", "open c", "retune a to 2"));
}

// What does not come back is said, and all else comes back.
TEST_F(ReloadTest, ABackThatFailsIsSaid) {
  Write({"c1", "d1"});
  target_.fails = "open d";
  ASSERT_EQ(reload_.Begin(), absl::OkStatus());
  ASSERT_TRUE(TurnUntil(*loop_, [this] { return reload_.state() == ReloadState::kRollingBack; }));
  target_.fails = "open b";
  TurnUntilEnd();
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack);
  EXPECT_EQ(reload_.message(), "open d failed\nopen b failed");
  EXPECT_THAT(target_.log, ElementsAre("exchange", "close a", "close b", "open c", "exchange",
                                       "close c", "open a"));
  EXPECT_THAT(target_.lacks, ElementsAre("b"));
  EXPECT_EQ(target_.ends, 1);
}

TEST_F(ReloadTest, IsUndoneUnlessItIsConfirmed) {
  Write({"b2", "c1"});
  Run(20ms);
  EXPECT_EQ(reload_.state(), ReloadState::kUnconfirmed);
  EXPECT_EQ(target_.ends, 0);  // it may be led back
  EXPECT_EQ(Ports(), "b2 c1");
  ASSERT_TRUE(TurnUntil(*loop_, [this] { return !reload_.under_way(); }));
  EXPECT_EQ(reload_.state(), ReloadState::kRolledBack);
  EXPECT_EQ(reload_.message(), "nobody has confirmed it");
  EXPECT_THAT(events_, ElementsAre("in force: reload", "refused: nobody has confirmed it",
                                   "in force: undone"));
  EXPECT_EQ(Ports(), "a1 b1");
  EXPECT_THAT(target_.log, ElementsAre("exchange", "close a", "open c", "retune b to 2", "exchange",
                                       "retune b to 1", "close c", "open a"));
}

TEST_F(ReloadTest, StaysWhenItIsConfirmed) {
  EXPECT_TRUE(absl::IsFailedPrecondition(reload_.Confirm()));
  Write({"b2"});
  Run(1h);
  ASSERT_EQ(reload_.state(), ReloadState::kUnconfirmed);
  EXPECT_THAT(std::string(reload_.Begin().message()), HasSubstr("--confirm-now"));
  EXPECT_EQ(reload_.Confirm(), absl::OkStatus());
  EXPECT_EQ(reload_.state(), ReloadState::kApplied);
  EXPECT_TRUE(absl::IsFailedPrecondition(reload_.Confirm()));
  EXPECT_EQ(Ports(), "b2");
  Write({"a1"});
  Run();  // the next one starts from there
  EXPECT_EQ(Ports(), "a1");
}

// The loop turns on, and no other reload begins, until the disk has woken up.
TEST_F(ReloadTest, AFileThatHangsHoldsUpNothing) {
  Write({"b2"});
  std::unique_lock<std::mutex> disk(disk_);
  ASSERT_EQ(reload_.Begin(), absl::OkStatus());
  for (int i = 0; i < 5; ++i) loop_->RunOnce(64);
  EXPECT_EQ(reload_.state(), ReloadState::kChecking);
  EXPECT_THAT(std::string(reload_.Begin().message()), HasSubstr("still being read"));
  EXPECT_TRUE(absl::IsFailedPrecondition(reload_.Confirm()));
  disk.unlock();
  TurnUntilEnd();
  EXPECT_EQ(Ports(), "b2");
}

// A node that stops closes its gates, and none may open after that.
TEST_F(ReloadTest, NothingIsDoneWhileTheNodeStops) {
  Write({"b2", "c1"});
  ASSERT_EQ(reload_.Begin(), absl::OkStatus());
  ASSERT_TRUE(TurnUntil(*loop_, [this] { return target_.log.size() == 2; }));
  reload_.Halt();
  for (int i = 0; i < 5; ++i) loop_->RunOnce(64);
  EXPECT_THAT(target_.log, ElementsAre("exchange", "close a"));
  EXPECT_TRUE(absl::IsFailedPrecondition(reload_.Begin()));
}

TEST_F(ReloadTest, OneAtATime) {
  Write({"b2"});
  ASSERT_EQ(reload_.Begin(), absl::OkStatus());
  EXPECT_TRUE(absl::IsFailedPrecondition(reload_.Begin()));
  TurnUntilEnd();
  EXPECT_EQ(reload_.state(), ReloadState::kApplied);
}

}  // namespace
}  // namespace warp::control
