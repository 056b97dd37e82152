// The caps of a node over a loop and real files.
#include "control/cap/cap_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

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
