// A reload from the file to its end, over parts that only write down what is asked of them.
#include "control/reload/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <time.h>

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <thread>

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
  std::shared_ptr<const config::NodeConfig> shared_config() const override { return shared; }
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

  const std::shared_ptr<config::NodeConfig> shared =
      std::make_shared<config::NodeConfig>(WithPorts({"a1", "b1"}));
  config::NodeConfig& running = *shared;
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

// --- A large node. ---

wire::Duration CpuTime() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

config::NodeConfig Large(uint32_t weight) {
  config::NodeConfig config = WithPorts({"a1"});
  for (uint16_t i = 0; i < 1000; ++i) {
    config::PeerConfig& peer = config.peers.emplace_back();
    peer.name = absl::StrCat("peer", i);
    std::array<uint8_t, wire::kKeySize> key{static_cast<uint8_t>(i), static_cast<uint8_t>(i >> 8)};
    peer.public_key = wire::PublicKey::FromBytes(key);
  }
  for (uint16_t i = 0; i < 4000; ++i) {
    config::TunnelConfig& tunnel = config.tunnels.emplace_back();
    tunnel.name = absl::StrCat("tunnel", i);
    tunnel.id = i;
    tunnel.peer_index = i % 1000;
    tunnel.peer = config.peers[tunnel.peer_index].name;
    tunnel.settings.weight = static_cast<uint16_t>(weight);
    tunnel.gate.unix_socket = config::UnixGateConfig{.path = absl::StrCat("/run/gate", i)};
  }
  return config;
}

// The time is the thread's own, so that others on the machine count for nothing.
TEST_F(ReloadTest, NoTurnTakesAsLongAsAComparison) {
  struct QuietTarget : FakeTarget {
    absl::Status Take(const Step&, const config::NodeConfig&, const config::NodeConfig&) override {
      return absl::OkStatus();
    }
  } target;
  std::array<wire::Duration, 2> longest{};
  wire::Duration comparison = wire::kNever.time_since_epoch();
  for (uint32_t weight = 1; weight <= 4; ++weight) {
    target.running = Large(weight);
    const config::NodeConfig same = Large(weight);
    const wire::Duration before = CpuTime();
    EXPECT_TRUE(config::Diff(target.running, same).empty());
    comparison = std::min(comparison, CpuTime() - before);
    // Once with one change, and once with four thousand.
    for (const bool all : {false, true}) {
      const auto load = [&](const std::string& file) -> absl::StatusOr<config::NodeFile> {
        config::NodeConfig config = Large(weight + (all ? 1 : 0));
        config.ports[0].tier = static_cast<uint8_t>(2 + weight % 2 + (all ? 2 : 0));
        return config::NodeFile{.path = file, .config = std::move(config), .lines = {}};
      };
      Reload reload(*loop_, target,
                    {.file = kFile,
                     .info = [](const std::string&) {},
                     .warn = [](const std::string&) {},
                     .load = load});
      ASSERT_EQ(reload.Begin(), absl::OkStatus());
      while (reload.under_way()) {
        const wire::Duration turn = CpuTime();
        const size_t done = loop_->RunOnce(64);
        longest[all] = std::max(longest[all], CpuTime() - turn);
        if (done == 0) loop_->Wait(std::chrono::milliseconds(1));
      }
      EXPECT_EQ(reload.state(), ReloadState::kApplied);
      EXPECT_EQ(reload.changes().size(), all ? 4001u : 1u);
    }
  }
  RecordProperty("comparison_us", std::to_string(comparison / std::chrono::microseconds(1)));
  for (const bool all : {false, true}) {
    RecordProperty(all ? "longest_turn_of_many_us" : "longest_turn_us",
                   std::to_string(longest[all] / std::chrono::microseconds(1)));
    EXPECT_LT(longest[all] * 8, comparison) << all;
  }
}

// The helper thread reads it meanwhile, and nobody waits for that one at the end.
TEST(ReloadEnd, TheConfigurationOutlivesAFileThatHangs) {
  struct Disk {
    std::mutex mutex;
    std::atomic<bool> read = false;
  };
  const auto disk = std::make_shared<Disk>();
  std::unique_lock hangs(disk->mutex);
  std::weak_ptr<const config::NodeConfig> config;
  {
    const std::unique_ptr<Loop> loop = MakeLoop();
    FakeTarget target;
    config = target.shared;
    Reload reload(*loop, target,
                  {.file = kFile,
                   .info = [](const std::string&) {},
                   .warn = [](const std::string&) {},
                   .load = [disk](const std::string& file) -> absl::StatusOr<config::NodeFile> {
                     disk->read = true;
                     const std::lock_guard<std::mutex> lock(disk->mutex);
                     return config::NodeFile{
                         .path = file, .config = WithPorts({"b2"}), .lines = {}};
                   }});
    ASSERT_EQ(reload.Begin(), absl::OkStatus());
    while (!disk->read) loop->RunOnce(64);
  }
  EXPECT_FALSE(config.expired());
  hangs.unlock();
  while (!config.expired()) std::this_thread::yield();
}

}  // namespace
}  // namespace warp::control
