// The caps of a node over a loop and real files.
#include "control/cap/cap_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "control/state/state_file.h"
#include "tests/control/config/temp_dir.h"
#include "tests/control/turning.h"

namespace warp::cap {
namespace {

using control::TurnUntil;
using testing::HasSubstr;

class CapKeeperTest : public testing::Test {
 protected:
  CapKeeperTest() {
    config_.node.state_directory = directory_.At("state");
    config_.ports.resize(1);
    config_.ports[0].name = "lte0";
    config_.ports[0].cap = config::CapPolicy{.bytes = 10'000'000};
  }
  void Open() {
    keeper_.reset();
    warnings_.clear();
    auto keeper = CapKeeper::Open(
        *loop_, config_, node_,
        {.zone = absl::UTCTimeZone(),
         .wall_clock =
             [] { return absl::FromCivil(absl::CivilDay(2026, 11, 20), absl::UTCTimeZone()); },
         .warn = [this](const std::string& sentence) { warnings_.push_back(sentence); }});
    ASSERT_TRUE(keeper.ok()) << keeper.status();
    keeper_ = *std::move(keeper);
    keeper_->Begin([this](const config::PortConfig&) { return total_; },
                   [this](const config::PortConfig&) { ++changes_; });
  }
  // As Open after a crash: the device counts from 0.
  void Restart() {
    total_ = 0;
    Open();
  }
  void ChangeKey(uint8_t byte) {
    node_ = wire::PublicKey::FromBytes({byte});
    keeper_->SetNode(node_);
  }
  // The device has counted so many bytes since it was opened, and they are in the file.
  void Count(uint64_t bytes) {
    const uint64_t used = Used() - total_ + bytes;
    total_ = bytes;
    EXPECT_TRUE(TurnUntil(
        *loop_, [&] { return Text().find(absl::StrCat(" ", used, "\n")) != std::string::npos; }));
  }
  size_t Files() const {
    return static_cast<size_t>(
        std::distance(std::filesystem::directory_iterator(config_.node.state_directory),
                      std::filesystem::directory_iterator()));
  }
  uint64_t Used() const { return keeper_->book().caps()[0].used(); }
  std::string Path() const {
    return state::StateFilePath(config_.node.state_directory, "caps", node_);
  }
  std::string Text() const {
    std::ifstream file(Path());
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  const TempDir directory_;
  const std::unique_ptr<control::Loop> loop_ = control::MakeLoop();
  config::NodeConfig config_;
  wire::PublicKey node_;
  uint64_t total_ = 0;
  int changes_ = 0;
  std::vector<std::string> warnings_;
  std::unique_ptr<CapKeeper> keeper_;
};

TEST_F(CapKeeperTest, KeepsTheCountWithoutAnEnd) {
  Open();
  total_ = 3'000'000;
  ASSERT_TRUE(TurnUntil(*loop_, [&] { return Text().find(" 3000000\n") != std::string::npos; }));
  total_ = 0;
  Open();  // nobody has called Finish
  EXPECT_EQ(Used(), 3'000'000u);
  EXPECT_TRUE(warnings_.empty());
}

TEST_F(CapKeeperTest, WritesTheLastBytesAtTheEnd) {
  Open();
  ASSERT_TRUE(TurnUntil(*loop_, [&] { return !Text().empty(); }));
  total_ = 77;
  keeper_->Finish(std::chrono::seconds(5));
  EXPECT_THAT(Text(), HasSubstr(" 77\n"));
}

// What was carried under the old key counts under the new one, also after a restart.
TEST_F(CapKeeperTest, GoesOnUnderAnotherKeyOfTheNode) {
  Open();
  total_ = 3'000'000;
  ASSERT_TRUE(TurnUntil(*loop_, [&] { return Text().find(" 3000000\n") != std::string::npos; }));
  node_ = wire::PublicKey::FromBytes({1});
  keeper_->SetNode(node_);
  ASSERT_TRUE(TurnUntil(*loop_, [&] { return Text().find(" 3000000\n") != std::string::npos; }));
  total_ = 0;
  Open();
  EXPECT_EQ(Used(), 3'000'000u);
  EXPECT_TRUE(warnings_.empty());
}

// The old file is gone, so that nothing stale is left to be found.
TEST_F(CapKeeperTest, TheFileMovesWithTheKey) {
  Open();
  Count(3'000'000);
  const std::string before = Path();
  ChangeKey(1);
  EXPECT_TRUE(TurnUntil(*loop_, [&] { return !std::filesystem::exists(before); }));
  Count(4'000'000);
  // The change is taken back.
  const std::string mistaken = Path();
  ChangeKey(0);
  EXPECT_TRUE(TurnUntil(*loop_, [&] { return !std::filesystem::exists(mistaken); }));
  Count(5'000'000);
  Restart();
  EXPECT_EQ(Used(), 5'000'000u);
  EXPECT_TRUE(warnings_.empty());
}

// Somebody puts the old key back, and warpd, which knew nothing of that, starts again.
TEST_F(CapKeeperTest, ARestartUnderTheKeyOfBeforeHasTheCount) {
  Open();
  Count(3'000'000);
  ChangeKey(1);
  Count(7'000'000);
  node_ = {};
  Restart();
  EXPECT_EQ(Used(), 7'000'000u);
  EXPECT_TRUE(warnings_.empty());
  Count(1'000'000);  // since then
  Restart();
  EXPECT_EQ(Used(), 8'000'000u);
  node_ = wire::PublicKey::FromBytes({1});
  Restart();
  EXPECT_EQ(Used(), 8'000'000u) << "and once more";
}

// The machine stops after the new file was written, and before the old one is removed.
TEST_F(CapKeeperTest, AChangeThatIsCutHalfWayLosesNothing) {
  for (const uint8_t next : {0, 1}) {
    SCOPED_TRACE(next);
    std::filesystem::remove_all(config_.node.state_directory);
    node_ = {};
    total_ = 0;
    Open();
    Count(3'000'000);
    const std::string before = Path();
    const std::string stale = Text();
    ChangeKey(1);
    Count(7'000'000);
    const std::string text = Text();
    std::ofstream(before) << stale;  // as if it had never gone
    std::ofstream(Path()) << absl::StrReplaceAll(text, {{" gone ", " was "}});
    node_ = wire::PublicKey::FromBytes({next});
    Restart();
    EXPECT_EQ(Used(), 7'000'000u);
    EXPECT_TRUE(warnings_.empty());
    Count(1'000'000);
    EXPECT_TRUE(TurnUntil(*loop_, [&] { return Files() == 1; }));
  }
}

// Two nodes share the directory, and one gets a key that the other one had.
TEST_F(CapKeeperTest, AnotherNodesFileIsLeftAlone) {
  Open();
  Count(3'000'000);
  ChangeKey(1);
  Count(4'000'000);
  // Another one has the first key from now on, and its own count.
  const wire::PublicKey first;
  const std::string of_other = state::StateFilePath(config_.node.state_directory, "caps", first);
  const CapRecord record{
      .port = "lte0", .period = {}, .entries = {{absl::CivilDay(2026, 11, 1), 55}}};
  ASSERT_EQ(state::ReplaceStateFile(of_other, WriteCapRecords(first, {record})), absl::OkStatus());
  Count(5'000'000);
  EXPECT_TRUE(std::filesystem::exists(of_other));
  Restart();
  EXPECT_EQ(Used(), 5'000'000u);
  EXPECT_TRUE(std::filesystem::exists(of_other));
  node_ = first;
  Restart();
  EXPECT_EQ(Used(), 55u);
}

// What lies under the name of the new key is kept for people.
TEST_F(CapKeeperTest, WhatHasTheNewNameIsKeptAside) {
  Open();
  Count(3'000'000);
  node_ = wire::PublicKey::FromBytes({1});
  std::ofstream(Path()) << "another node's";
  keeper_->SetNode(node_);
  Count(4'000'000);
  std::ifstream aside(Path() + ".bad");
  std::string text;
  std::getline(aside, text);
  EXPECT_EQ(text, "another node's");
}

// Back before anything was written: the file that is there is the right one.
TEST_F(CapKeeperTest, AChangeThatIsTakenBackAtOnceRemovesNothing) {
  Open();
  Count(3'000'000);
  for (int i = 0; i < 5; ++i) {
    keeper_->SetNode(wire::PublicKey::FromBytes({1}));
    keeper_->SetNode(node_);
  }
  Count(4'000'000);
  EXPECT_EQ(Files(), 1u);
  Restart();
  EXPECT_EQ(Used(), 4'000'000u);
}

// A disk that is full keeps the old file until the new one is there.
TEST_F(CapKeeperTest, TheOldFileStaysUntilTheNewOneIsThere) {
  Open();
  Count(3'000'000);
  const std::string before = Path();
  node_ = wire::PublicKey::FromBytes({1});
  ASSERT_EQ(mkdir((Path() + ".new").c_str(), 0700), 0);  // it cannot be written
  keeper_->SetNode(node_);
  EXPECT_TRUE(TurnUntil(*loop_, [&] { return !warnings_.empty(); }));
  EXPECT_TRUE(std::filesystem::exists(before));
}

// The first cap comes after the key has changed.
TEST_F(CapKeeperTest, TheFirstCapFindsTheFileOfTheOldKey) {
  Open();
  Count(3'000'000);
  const config::PortConfig port = config_.ports[0];
  config_.ports[0].cap.reset();
  Restart();
  ChangeKey(1);
  ASSERT_EQ(keeper_->Add(port), absl::OkStatus());
  ASSERT_TRUE(TurnUntil(*loop_, [&] { return keeper_->book().caps().size() == 1; }));
  EXPECT_EQ(Used(), 3'000'000u);
  EXPECT_TRUE(TurnUntil(*loop_, [&] { return std::filesystem::exists(Path()) && Files() == 1; }));
}

TEST_F(CapKeeperTest, CountsFromTheOpeningOfAPortToItsClosing) {
  Open();
  keeper_->NoteClosing(config_.ports[0]);
  total_ = 1000;
  keeper_->NoteOpened(config_.ports[0]);
  total_ = 1300;
  keeper_->NoteClosing(config_.ports[0]);
  EXPECT_EQ(Used(), 300u);
}

TEST_F(CapKeeperTest, SetTellsAtOnce) {
  Open();
  const int before = changes_;
  ASSERT_EQ(keeper_->Set("lte0", 9'000'000), absl::OkStatus());
  EXPECT_EQ(changes_, before + 1);
  EXPECT_EQ(keeper_->TermsOf(config_.ports[0]).tier, 2);
}

TEST_F(CapKeeperTest, ADamagedFileIsOneSentenceAndIsKept) {
  ASSERT_EQ(mkdir(config_.node.state_directory.c_str(), 0700), 0);
  std::ofstream(Path()) << "garbage";
  Open();
  EXPECT_EQ(keeper_->book().caps()[0].state(), CapState::kReached);
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_THAT(warnings_[0], HasSubstr("is no file of data caps, or of another version: data caps "
                                      "count as reached until"));
  ASSERT_TRUE(TurnUntil(*loop_, [&] { return Text() != "garbage"; }));
  EXPECT_EQ(access((Path() + ".bad").c_str(), F_OK), 0);
  EXPECT_EQ(warnings_.size(), 1u);
}

TEST_F(CapKeeperTest, ADirectoryThatCannotBeMadeIsOneSentence) {
  config_.node.state_directory = directory_.Write("file", "");
  Open();
  total_ = 5'000'000;
  ASSERT_TRUE(TurnUntil(*loop_, [&] { return Used() == 5'000'000 && !warnings_.empty(); }));
  EXPECT_THAT(warnings_[0], HasSubstr("cannot be written: Not a directory"));
  control::Settle(*loop_);
  EXPECT_EQ(warnings_.size(), 1u);
}

TEST_F(CapKeeperTest, ANodeWithoutCapsTouchesNoDisk) {
  config_.ports[0].cap.reset();
  Open();
  control::Settle(*loop_);
  keeper_->NoteClosing(config_.ports[0]);
  keeper_->Finish(std::chrono::seconds(1));
  EXPECT_NE(access(config_.node.state_directory.c_str(), F_OK), 0);
  EXPECT_TRUE(absl::IsNotFound(keeper_->Set("lte0", 1)));
}

}  // namespace
}  // namespace warp::cap
