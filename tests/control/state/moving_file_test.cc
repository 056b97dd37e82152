// State files that follow their node from key to key, and what others may write into the line that says so.
#include "control/state/moving_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/state/state_file.h"
#include "tests/control/config/temp_dir.h"

namespace warp::state {
namespace {

wire::PublicKey Key(uint8_t byte) {
  std::array<uint8_t, wire::kKeySize> bytes{};
  bytes.fill(byte);
  return wire::PublicKey::FromBytes(bytes);
}

class MovingFileTest : public testing::Test {
 protected:
  std::string PathOf(uint8_t key) const {
    return StateFilePath(directory_.At("."), "kind", Key(key));
  }
  bool Exists(uint8_t key) const { return std::filesystem::exists(PathOf(key)); }
  void Put(uint8_t key, const std::string& text) const { std::ofstream(PathOf(key)) << text; }
  // "BODY of KEY", or the error.
  std::string Find(uint8_t key) const {
    const auto found = FindStateFile({directory_.At("."), "kind", Key(key)}, 1000);
    if (!found.ok()) return std::string(found.status().message());
    if (!found->has_value()) return "none";
    return absl::StrCat((*found)->body, " of ", (*found)->origin.node.bytes()[0]);
  }
  static std::string Line(uint8_t key, const std::string& turn, const std::string& rest) {
    return absl::StrCat("warp-moved 1 ", turn, " ", Key(key).ToBase64(), rest, "\n");
  }
  static std::string Was(uint8_t key) { return absl::StrCat(" was ", Key(key).ToBase64()); }
  static std::string Gone(uint8_t key) { return absl::StrCat(" gone ", Key(key).ToBase64()); }
  // A node that starts with this key.
  MovingFile Start(uint8_t key) const {
    MovingFile file(directory_.At("."), "kind", Key(key));
    const auto found = FindStateFile(file.place(), 1000);
    EXPECT_TRUE(found.ok()) << found.status();
    file.Follow(found.ok() && found->has_value() ? &(*found)->origin : nullptr);
    return file;
  }
  static void Write(MovingFile& file, const std::string& body) {
    const auto written = file.Writer(body, false)();
    EXPECT_TRUE(written.status.ok()) << written.status;
    file.NoteWritten(written);
  }

  const TempDir directory_;
};

TEST_F(MovingFileTest, ANodeWhoseKeyNeverChangesHasNoSuchLine) {
  MovingFile file = Start(1);
  Write(file, "a");
  std::ifstream in(PathOf(1));
  std::string text;
  std::getline(in, text);
  EXPECT_EQ(text, "a");
  EXPECT_EQ(Find(1), "a of 1");
  EXPECT_EQ(Find(2), "none");
}

// Through more keys than are remembered, with a start after each, and back by one.
TEST_F(MovingFileTest, ItFollowsThroughManyKeys) {
  MovingFile first = Start(1);
  Write(first, "0");
  for (uint8_t key = 2; key < 20; ++key) {
    MovingFile file = Start(static_cast<uint8_t>(key - 1));
    file.SetNode(Key(key));
    Write(file, absl::StrCat(key));
    EXPECT_FALSE(Exists(static_cast<uint8_t>(key - 1)));
    EXPECT_EQ(Find(key), absl::StrCat(key, " of ", key));
    EXPECT_EQ(Find(static_cast<uint8_t>(key - 1)), absl::StrCat(key, " of ", key)) << "as it was";
  }
  EXPECT_EQ(Find(1), "none") << "too long ago";
  MovingFile back = Start(18);
  Write(back, "back");
  EXPECT_EQ(Find(18), "back of 18");
  EXPECT_FALSE(Exists(19));
}

// The key changes twice before anything is written, or while the disk writes still.
TEST_F(MovingFileTest, ItOvertakesItsOwnWriting) {
  MovingFile file = Start(1);
  Write(file, "1");
  file.SetNode(Key(2));
  const auto slow = file.Writer("2", false);
  file.SetNode(Key(3));
  file.SetNode(Key(1));
  const auto slower = file.Writer("1 again", false);
  file.NoteWritten(slow());
  EXPECT_FALSE(Exists(1)) << "as it was asked then";
  file.NoteWritten(slower());
  EXPECT_EQ(Find(1), "1 again of 1");
  EXPECT_FALSE(Exists(2));
  EXPECT_FALSE(Exists(3));
  Write(file, "and on");
  EXPECT_EQ(Find(2), "and on of 1");
}

// Each turn of the two is cut between the new file and the removal of the old one.
TEST_F(MovingFileTest, TheLaterOfTwoCounts) {
  Put(1, Line(1, "2", Was(2)) + "later");
  Put(2, Line(2, "1", Was(1)) + "earlier");
  EXPECT_EQ(Find(1), "later of 1");
  EXPECT_EQ(Find(2), "later of 1");
  Put(2, Line(2, "3", Was(1)) + "latest");
  EXPECT_EQ(Find(1), "latest of 2");
  EXPECT_EQ(Find(2), "latest of 2");
  // It was removed, and came back by somebody else.
  Put(2, Line(2, "3", Gone(1)) + "latest");
  EXPECT_EQ(Find(1), "later of 1");
}

// What was written after the move is not this node's, even where the move was cut.
TEST_F(MovingFileTest, ALaterFileOfTheOldKeyIsLeftAlone) {
  Put(2, Line(2, "1", Was(1)) + "mine");
  Put(1, "another's");
  std::filesystem::last_write_time(
      PathOf(2), std::filesystem::file_time_type::clock::now() - std::chrono::hours(1));
  MovingFile file = Start(2);
  Write(file, "mine");
  EXPECT_TRUE(Exists(1));
  EXPECT_EQ(Find(1), "another's of 1");
}

// Two nodes exchange their keys by the way of a third one. Each keeps its own.
TEST_F(MovingFileTest, TwoNodesExchangeKeys) {
  MovingFile x = Start(1), y = Start(2);
  Write(x, "x");
  Write(y, "y");
  y.SetNode(Key(3));
  Write(y, "y");
  x.SetNode(Key(2));
  Write(x, "x");
  y.SetNode(Key(1));
  Write(y, "y");
  for (int i = 0; i < 2; ++i) {
    Write(x, "x");
    Write(y, "y");
  }
  EXPECT_EQ(Find(2), "x of 2");
  EXPECT_EQ(Find(1), "y of 1");
}

// Whoever may write into the directory may write anything. Each is none, or says what it says, and nothing waits.
TEST_F(MovingFileTest, ALineThatIsNoneIsNobodys) {
  const std::string much(5000, 'x');
  for (const std::string& line :
       {Line(2, "0", Was(1)), Line(2, "-1", Was(1)), Line(2, "4294967296", Was(1)),
        Line(2, "99999999999999999999999", Was(1)), Line(2, "1", " was"),
        Line(2, "1", " is " + Key(1).ToBase64()), Line(2, "1", " was xyz"),
        Line(2, "1", Was(3) + Was(4) + Was(5) + Was(6) + Was(1)), std::string("warp-moved 1"),
        std::string("warp-moved "), "warp-moved " + much, "warp-moved 2" + Line(2, "1", Was(1)),
        Line(3, "1", Was(1)) /* under another name */, std::string("\0\n", 2)}) {
    Put(2, line + "body");
    EXPECT_NE(Find(1), "body of 2") << line;
    EXPECT_NE(Find(2), "body of 2") << line;
  }
  ASSERT_EQ(unlink(PathOf(2).c_str()), 0);
  ASSERT_EQ(mkfifo(PathOf(2).c_str(), 0600), 0);
  ASSERT_EQ(symlink("/dev/zero", PathOf(3).c_str()), 0);
  ASSERT_EQ(mkdir(PathOf(4).c_str(), 0700), 0);
  EXPECT_EQ(Find(1), "none");
  Put(5, Line(5, "4294967295", Was(1) + Was(5)) + "body");
  EXPECT_EQ(Find(1), "body of 5");
}

}  // namespace
}  // namespace warp::state
