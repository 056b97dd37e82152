// The history on a disk: what a restart finds, and what becomes of a file that cannot be read.
#include "control/history/history_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "control/history/history_file.h"
#include "control/state/state_file.h"
#include "tests/control/config/temp_dir.h"
#include "tests/control/turning.h"

namespace warp::history {
namespace {

using ::testing::HasSubstr;

class HistoryKeeperTest : public ::testing::Test {
 protected:
  // A start of warpd.
  void Open() {
    auto keeper = HistoryKeeper::Open(
        *loop_, node_,
        {.directory = directory_.At("state"),
         .zone = absl::UTCTimeZone(),
         .wall_clock = [this] { return now_; },
         .warn = [this](const std::string& warning) { warnings_.push_back(warning); }});
    ASSERT_TRUE(keeper.ok()) << keeper.status();
    keeper_ = *std::move(keeper);
    links_.clear();
  }
  void Carry(const std::string& port, uint64_t payloads) {
    links_[port].first += payloads;
    keeper_->Look(links_, [](const std::string&) { return true; });
  }
  void End() {
    keeper_->Finish(std::chrono::seconds(10));
    keeper_.reset();
  }
  uint64_t FirstOf(const std::string& port) const {
    for (const Link& link : keeper_->history().links()) {
      if (link.port == port) return link.records[static_cast<size_t>(By::kMonth)].back().first;
    }
    return 0;
  }
  std::string Path() const {
    return state::StateFilePath(directory_.At("state"), "history", node_);
  }

  TempDir directory_;
  wire::PublicKey node_;
  const std::unique_ptr<control::Loop> loop_ = control::MakeLoop();
  absl::Time now_ = absl::FromUnixSeconds(1'796'034'731);
  std::unique_ptr<HistoryKeeper> keeper_;
  verdict::LinkBook::Links links_;
  std::vector<std::string> warnings_;
};

TEST_F(HistoryKeeperTest, GoesOnOverRestarts) {
  Open();
  Carry("lte", 5);
  Carry("lte", 2);
  EXPECT_EQ(FirstOf("lte"), 7u);
  End();
  Open();
  EXPECT_EQ(FirstOf("lte"), 7u);
  Carry("lte", 1);  // counted from 0 again
  EXPECT_EQ(FirstOf("lte"), 8u);
  End();
  Open();
  EXPECT_EQ(FirstOf("lte"), 8u);
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(HistoryKeeperTest, GoesOnUnderAnotherKeyOfTheNode) {
  Open();
  Carry("lte", 5);
  node_ = wire::PublicKey::FromBytes({1});
  keeper_->SetNode(node_);
  Carry("lte", 2);
  ASSERT_TRUE(control::TurnUntil(*loop_, [this] { return std::filesystem::exists(Path()); }));
  keeper_.reset();  // it has no time for an end
  Open();
  EXPECT_EQ(FirstOf("lte"), 7u);
  EXPECT_TRUE(warnings_.empty());
}

// Also where the old key was put back by hand, and where the change was cut half-way.
TEST_F(HistoryKeeperTest, TheFileMovesWithTheKey) {
  Open();
  Carry("lte", 5);
  End();
  Open();
  const std::string before = Path();
  std::filesystem::copy_file(before, directory_.At("stale"));
  node_ = wire::PublicKey::FromBytes({1});
  keeper_->SetNode(node_);
  Carry("lte", 2);
  ASSERT_TRUE(control::TurnUntil(*loop_, [&] { return !std::filesystem::exists(before); }));
  keeper_.reset();
  std::filesystem::rename(directory_.At("stale"), before);
  node_ = {};
  Open();
  EXPECT_EQ(FirstOf("lte"), 7u);
  Carry("lte", 1);
  End();
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_.At("state")),
                          std::filesystem::directory_iterator()),
            1);
  Open();
  EXPECT_EQ(FirstOf("lte"), 8u);
  EXPECT_TRUE(warnings_.empty());
}

// A disk may be at it for long, and the loop turns no more when a node ends.
TEST_F(HistoryKeeperTest, TheEndWritesAlsoBehindAWriteThatIsUnderWay) {
  Open();
  keeper_->SetNode(node_);  // which is written with the next look
  Carry("lte", 5);
  Carry("lte", 2);
  End();
  Open();
  EXPECT_EQ(FirstOf("lte"), 7u);
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(HistoryKeeperTest, TheMedianIsKeptByItsSamples) {
  Open();
  links_["lte"].skew[lcore::SkewClassOf(30'000'000)] = 10;
  Carry("lte", 1);
  Carry("lte", 1);  // nothing new was measured
  const Record& record = keeper_->history().links()[0].records[0].back();
  EXPECT_EQ(record.skew_samples, 10u);
  EXPECT_NEAR(static_cast<double>(record.skew_us) / 10, 30'000, 9'000);
}

TEST_F(HistoryKeeperTest, AFileThatCannotBeReadIsPutAside) {
  ASSERT_EQ(mkdir(directory_.At("state").c_str(), 0700), 0);
  const std::string bytes = WriteHistory({}, now_, {{.port = "lte", .records = {}}}).substr(0, 60);
  ASSERT_EQ(state::ReplaceStateFile(Path(), bytes), absl::OkStatus());
  Open();
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_THAT(warnings_[0], HasSubstr(Path()));
  EXPECT_THAT(warnings_[0], HasSubstr("is cut off or damaged"));
  EXPECT_TRUE(keeper_->history().links().empty());
  Carry("lte", 3);
  End();
  EXPECT_EQ(access((Path() + ".bad").c_str(), F_OK), 0);
  warnings_.clear();
  Open();
  EXPECT_TRUE(warnings_.empty());
  EXPECT_EQ(FirstOf("lte"), 3u);
}

// A machine that boots in 1970 each time has no less of a past.
TEST_F(HistoryKeeperTest, AClockOf1970CostsNothing) {
  const absl::Time present = now_;
  Open();
  Carry("lte", 5);
  End();
  for (int boot = 1; boot <= 3; ++boot) {
    now_ = absl::FromUnixSeconds(7);
    Open();
    Carry("lte", 1);
    End();
  }
  now_ = present + absl::Minutes(5);
  Open();
  Carry("lte", 1);
  EXPECT_EQ(FirstOf("lte"), 9u);
  EXPECT_TRUE(warnings_.empty());
}

// What is there in its place may be anything: each ends in a sentence, and the node lives.
TEST_F(HistoryKeeperTest, WhatIsNoFileIsToldAndNothingElse) {
  ASSERT_EQ(mkdir(directory_.At("state").c_str(), 0700), 0);
  const std::string victim = directory_.Write("victim", "precious");
  const auto put = [&](int kind) {
    switch (kind) {
      case 0:
        return mkdir(Path().c_str(), 0700);
      case 1:
        return mkfifo(Path().c_str(), 0600);
      case 2:
        return symlink("/dev/zero", Path().c_str());
      case 3:
        return symlink(victim.c_str(), Path().c_str());
      case 4:  // a terabyte
        std::ofstream(Path()) << "";
        return truncate(Path().c_str(), int64_t{1} << 40);
      default:
        return symlink(victim.c_str(), (Path() + ".new").c_str());
    }
  };
  for (int kind = 0; kind < 6; ++kind) {
    SCOPED_TRACE(kind);
    ASSERT_EQ(put(kind), 0);
    warnings_.clear();
    Open();
    Carry("lte", 1);
    keeper_->Finish(std::chrono::seconds(10));
    ASSERT_TRUE(control::TurnUntil(*loop_, [&] { return !warnings_.empty(); }));
    keeper_.reset();
    for (const char* end : {"", ".bad", ".new"}) std::filesystem::remove_all(Path() + end);
  }
  std::ifstream file(victim);
  std::string text;
  std::getline(file, text);
  EXPECT_EQ(text, "precious");
}

// Nothing is said of it again, and nothing else suffers.
TEST_F(HistoryKeeperTest, ADiskThatTakesNothingIsToldOnce) {
  const std::string nowhere = directory_.Write("state", "");  // a file is no directory
  Open();
  Carry("lte", 1);
  keeper_->Finish(std::chrono::seconds(10));
  ASSERT_TRUE(control::TurnUntil(*loop_, [&] { return !warnings_.empty(); }));
  EXPECT_THAT(warnings_[0], HasSubstr("will not be remembered"));
  keeper_->Finish(std::chrono::seconds(10));
  control::Settle(*loop_);
  EXPECT_EQ(warnings_.size(), 1u);
  EXPECT_EQ(FirstOf("lte"), 1u);
}

TEST_F(HistoryKeeperTest, ANodeWithoutLinksWritesNothing) {
  Open();
  End();
  EXPECT_NE(access(Path().c_str(), F_OK), 0);
}

}  // namespace
}  // namespace warp::history
