// The file of data caps: what it has, what it may not have, and what a crash leaves.
#include "control/cap/cap_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "control/state/state_file.h"
#include "tests/control/config/temp_dir.h"

namespace warp::cap {
namespace {

using absl::CivilDay;
using config::CapUnit;
using testing::HasSubstr;

wire::PublicKey Key(uint8_t byte) {
  std::array<uint8_t, wire::kKeySize> bytes{};
  bytes.fill(byte);
  return wire::PublicKey::FromBytes(bytes);
}
const wire::PublicKey kNode = Key(0xab);

std::vector<CapRecord> Records() {
  return {{"lte0",
           {.each = CapUnit::kMonth, .from = 3},
           {{CivilDay(2026, 11, 3), 123456789}, {CivilDay(2026, 10, 3), 4}}},
          {"sat", {.each = CapUnit::kWeek, .from = 7}, {{CivilDay(2026, 11, 29), 0}}},
          {"day",
           {.each = CapUnit::kDay, .from = 1},
           {{CivilDay(1970, 1, 1), UINT64_MAX}},
           {CivilDay(1970, 1, 2), 3},
           true}};
}

std::string Slurp(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string Why(const std::string& text) {
  const auto records = ParseCapRecords(text, kNode);
  return records.ok() ? "ok" : std::string(records.status().message());
}

TEST(CapFile, IsTextThatSaysWhatItIs) {
  EXPECT_EQ(WriteCapRecords(kNode, Records()),
            absl::StrCat("warp-caps 1 ", kNode.ToBase64(),
                         "\nport lte0 month 3\n2026-11-03 123456789\n2026-10-03 4\n"
                         "port sat week 7\n2026-11-29 0\nport day day 1\n"
                         "clock 1970-01-02 3\nlost\n1970-01-01 18446744073709551615\nend\n"));
  EXPECT_EQ(*ParseCapRecords(WriteCapRecords(kNode, Records()), kNode), Records());
  EXPECT_TRUE(ParseCapRecords(WriteCapRecords(kNode, {}), kNode)->empty());
}

TEST(CapFile, EachNodeHasOneOfItsOwn) {
  EXPECT_EQ(state::StateFilePath("/var/lib/warp", "caps", kNode),
            "/var/lib/warp/caps-abababababababab");
  EXPECT_NE(state::StateFilePath("/var/lib/warp", "caps", kNode),
            state::StateFilePath("/var/lib/warp", "caps", Key(1)));
  const auto foreign = ParseCapRecords(WriteCapRecords(Key(1), Records()), kNode);
  EXPECT_EQ(foreign.status().message(), "is of another node");
}

// However much of it is there, nothing is taken for the whole.
TEST(CapFile, ThatIsCutOffIsNoticed) {
  const std::string whole = WriteCapRecords(kNode, Records());
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseCapRecords(whole.substr(0, size), kNode).ok()) << size;
  }
}

// Whatever byte of it changes, either it is noticed or it says what it says, and nothing goes wrong.
TEST(CapFile, ThatIsDamagedDoesNoHarm) {
  const std::string whole = WriteCapRecords(kNode, Records());
  for (size_t i = 0; i < whole.size(); ++i) {
    for (const char byte : {'\0', ' ', '\n', '9', '-', '\xff'}) {
      std::string damaged = whole;
      damaged[i] = byte;
      const auto records = ParseCapRecords(damaged, kNode);
      if (!records.ok()) continue;
      EXPECT_EQ(WriteCapRecords(kNode, *records), damaged);
    }
  }
}

TEST(CapFile, SaysWhatIsWrongWithIt) {
  const std::string whole = WriteCapRecords(kNode, Records());
  const auto changed = [&](const std::string& from, const std::string& to) {
    return Why(absl::StrReplaceAll(whole, {{from, to}}));
  };
  EXPECT_EQ(Why(""), "is no file of data caps, or of another version");
  EXPECT_EQ(changed("warp-caps 1", "warp-caps 2"),
            "is no file of data caps, or of another version");
  EXPECT_EQ(changed("end\n", ""), "is cut off");
  EXPECT_EQ(changed("month 3", "month 32"), "is damaged at line 2");
  EXPECT_EQ(changed("month 3", "month 0"), "is damaged at line 2");
  EXPECT_EQ(changed("week 7", "week 8"), "is damaged at line 5");
  EXPECT_EQ(changed("day 1", "day 2"), "is damaged at line 7");
  EXPECT_EQ(changed("month", "year"), "is damaged at line 2");
  EXPECT_EQ(changed("sat", "lte0"), "is damaged at line 5");               // twice
  EXPECT_EQ(changed("2026-10-03", "2026-12-03"), "is damaged at line 4");  // not in order
  EXPECT_EQ(changed("2026-10-03", "2026-02-30"), "is damaged at line 4");
  EXPECT_EQ(changed(" 123456789", " -5"), "is damaged at line 3");
  EXPECT_EQ(changed("123456789", "99999999999999999999"), "is damaged at line 3");
  EXPECT_EQ(changed("2026-11-29 0\n", ""), "is damaged at line 6");
  EXPECT_EQ(changed("port lte0 month 3\n", ""), "is damaged at line 2");
  EXPECT_EQ(changed("01-02 3", "01-02 4"), "is damaged at line 8");
  EXPECT_EQ(changed("01-02 3", "01-02 0"), "is damaged at line 8");
  EXPECT_EQ(changed("01-02 3", "01-32 3"), "is damaged at line 8");
  EXPECT_EQ(changed("01-02 3", "01-02"), "is damaged at line 8");
  EXPECT_EQ(changed("clock 1970-01-02 3\nlost\n", "lost\nclock 1970-01-02 3\n"),
            "is damaged at line 9");
  EXPECT_EQ(changed("lost\n", "lost\nlost\n"), "is damaged at line 10");
  EXPECT_EQ(changed("lost\n", "lost 1\n"), "is damaged at line 9");
  EXPECT_EQ(changed("2026-11-29 0\n", "2026-11-29 0\nlost\n"), "is damaged at line 7");
  EXPECT_EQ(changed("port lte0", "lost\nport lte0"), "is damaged at line 2");
}

TEST(CapFile, HasABoundedNumberOfPorts) {
  std::vector<CapRecord> records;
  for (size_t i = 0; i <= kMostRecords; ++i) {
    records.push_back({absl::StrCat("p", i), {}, {{CivilDay(2026, 11, 1), i}}});
  }
  EXPECT_THAT(Why(WriteCapRecords(kNode, records)), HasSubstr("damaged"));
  records.pop_back();
  EXPECT_EQ(Why(WriteCapRecords(kNode, records)), "ok");
}

// The file of such a kind in the directory.
std::string PathOf(const TempDir& directory, const std::string& kind) {
  return state::StateFilePath(directory.At("."), kind, kNode);
}
absl::StatusOr<std::optional<CapFile>> Read(const TempDir& directory, const std::string& kind) {
  return ReadCapFile({.directory = directory.At("."), .kind = kind, .node = kNode});
}

TEST(CapFile, IsReadAsItWasWritten) {
  const TempDir directory;
  const std::string path = PathOf(directory, "caps");
  EXPECT_FALSE(Read(directory, "caps")->has_value());  // the first start
  ASSERT_EQ(state::ReplaceStateFile(path, WriteCapRecords(kNode, Records())), absl::OkStatus());
  EXPECT_EQ((**Read(directory, "caps")).records, Records());
  struct stat info;
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

// The process dies between two steps of a writing: the old contents are there, whatever stands beside them.
TEST(CapFile, ThatWasNotReplacedYetIsTheOldOne) {
  const TempDir directory;
  const std::string path = PathOf(directory, "caps");
  ASSERT_EQ(state::ReplaceStateFile(path, WriteCapRecords(kNode, Records())), absl::OkStatus());
  std::ofstream(path + ".new") << "warp-caps 1 half";
  EXPECT_EQ((**Read(directory, "caps")).records, Records());
  // The next writing takes the place of what was left.
  ASSERT_EQ(state::ReplaceStateFile(path, WriteCapRecords(kNode, {})), absl::OkStatus());
  EXPECT_TRUE((**Read(directory, "caps")).records.empty());
  EXPECT_NE(access((path + ".new").c_str(), F_OK), 0);
}

TEST(CapFile, WhatIsNoFileOfOursIsRefusedWithoutWaiting) {
  const TempDir directory;
  const auto why = [&](const std::string& kind) {
    return std::string(Read(directory, kind).status().message());
  };
  std::ofstream(PathOf(directory, "huge")) << std::string(1 << 20, 'x');
  EXPECT_THAT(why("huge"), HasSubstr("is larger than"));
  ASSERT_EQ(mkdir(PathOf(directory, "folder").c_str(), 0700), 0);
  EXPECT_EQ(why("folder"), "is not a regular file");
  ASSERT_EQ(mkfifo(PathOf(directory, "pipe").c_str(), 0600), 0);
  EXPECT_EQ(why("pipe"), "is not a regular file");
  ASSERT_EQ(symlink("nowhere", PathOf(directory, "link").c_str()), 0);
  EXPECT_THAT(why("link"), HasSubstr("cannot be read"));
}

TEST(CapFile, SaysWhyItCannotBeWritten) {
  const TempDir directory;
  const auto why = [&](const std::string& name) {
    return std::string(state::ReplaceStateFile(directory.At(name), "x").message());
  };
  EXPECT_THAT(why("a/b/caps"), HasSubstr("cannot be made: No such file or directory"));
  EXPECT_EQ(why("made/caps"), "");
  directory.Write("file", "");
  EXPECT_THAT(why("file/caps"), HasSubstr("file/caps.new cannot be written: Not a directory"));
  ASSERT_EQ(mkdir(directory.At("folder").c_str(), 0700), 0);
  EXPECT_THAT(why("folder"), HasSubstr("folder cannot be replaced"));
  ASSERT_EQ(mkfifo(directory.At("pipe.new").c_str(), 0600), 0);
  EXPECT_THAT(why("pipe"), HasSubstr("pipe.new cannot be written"));
  EXPECT_THAT(std::string(state::ReplaceStateFile("/proc/self/caps", "x").message()),
              HasSubstr("cannot be written"));
}

TEST(CapFile, ThatCannotBeReadIsKeptAside) {
  const TempDir directory;
  const std::string path = directory.Write("caps", "what is this");
  directory.Write("caps.bad", "older");
  state::KeepAside(path);
  EXPECT_EQ(Slurp(path + ".bad"), "what is this");
  EXPECT_EQ(Slurp(path), "what is this");  // a crash now is no first start
  ASSERT_EQ(state::ReplaceStateFile(path, "new"), absl::OkStatus());
  EXPECT_EQ(Slurp(path + ".bad"), "what is this");
  EXPECT_EQ(Slurp(path), "new");
}

}  // namespace
}  // namespace warp::cap
