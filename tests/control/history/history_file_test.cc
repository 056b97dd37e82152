#include "control/history/history_file.h"

#include <gtest/gtest.h>
#include <sodium.h>

#include <filesystem>
#include <string>
#include <vector>

#include "control/state/state_file.h"
#include "tests/control/config/temp_dir.h"

namespace warp::history {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'796'034'731);
const wire::PublicKey kNode = wire::PublicKey::FromBytes({1, 2, 3});

std::vector<Link> Links() {
  History history(absl::UTCTimeZone());
  for (int minute = 0; minute < 200; ++minute) {
    history.Add("fibre", kNow - absl::Minutes(200 - minute),
                {.up_s = 60,
                 .first = 100,
                 .sole = 16,
                 .duplicates = 5,
                 .rx_bytes = UINT64_MAX / 1000,
                 .tx_bytes = 3,
                 .skew_samples = 2,
                 .skew_us = 4000});
  }
  history.Add("lte", kNow, {.duplicates = 1});
  return history.links();
}

std::string Why(const std::string& bytes, const wire::PublicKey& node = kNode) {
  return std::string(ParseHistory(bytes, node).status().message());
}

// With the right digest behind it.
std::string Signed(std::string bytes) {
  std::string digest(32, '\0');
  crypto_generichash(reinterpret_cast<uint8_t*>(digest.data()), digest.size(),
                     reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), nullptr, 0);
  return bytes + digest;
}

TEST(HistoryFileTest, ComesBackAsItWas) {
  const absl::StatusOr<std::vector<Link>> links =
      ParseHistory(WriteHistory(kNode, kNow, Links()), kNode);
  ASSERT_TRUE(links.ok()) << links.status();
  EXPECT_EQ(*links, Links());
  const auto none = ParseHistory(WriteHistory(kNode, kNow, {}), kNode);
  ASSERT_TRUE(none.ok()) << none.status();
  EXPECT_TRUE(none->empty());
}

// Whatever is cut off or changed is noticed, at each byte.
TEST(HistoryFileTest, EachByteCounts) {
  const std::string bytes = WriteHistory(kNode, kNow, {Links()[1]});
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_NE(Why(bytes.substr(0, size)), "") << size;
  }
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_NE(Why(changed), "") << i;
  }
  EXPECT_EQ(Why(bytes.substr(0, bytes.size() / 2)), "is cut off or damaged");
  EXPECT_EQ(Why(bytes + "x"), "is cut off or damaged");
}

TEST(HistoryFileTest, SaysWhoseItIs) {
  const std::string bytes = WriteHistory(kNode, kNow, Links());
  EXPECT_EQ(Why(bytes, wire::PublicKey::FromBytes({9})), "is of another node");
  EXPECT_EQ(Why(""), "is no history of links, or of another version");
  EXPECT_EQ(Why(std::string(1000, 'x')), "is no history of links, or of another version");
}

// It may be this machine's clock that is behind. But no calendar has to know every number.
TEST(HistoryFileTest, AFileFromTheFutureIsRead) {
  EXPECT_EQ(Why(WriteHistory(kNode, kNow + absl::Hours(24 * 365 * 50), Links())), "");
  std::vector<Link> links = Links();
  links[1].records[0].back().begin = INT64_MAX;
  EXPECT_EQ(Why(WriteHistory(kNode, kNow, links)), "is damaged");
}

// Somebody who knows the format may write anything with a right digest. It must not take memory or the process.
TEST(HistoryFileTest, ARightDigestIsNoProof) {
  const std::string bytes = WriteHistory(kNode, kNow, {Links()[1]});
  const std::string body = bytes.substr(0, bytes.size() - 32);
  for (size_t i = 0; i < body.size(); ++i) {
    for (const int flip : {0x01, 0x80, 0xff}) {
      std::string changed = body;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      const auto links = ParseHistory(Signed(changed), kNode);
      if (!links.ok()) continue;
      EXPECT_LE(links->size(), History::kMostLinks);
    }
  }
  for (size_t size = 0; size < body.size(); ++size) {
    EXPECT_NE(Why(Signed(body.substr(0, size))), "") << size;
  }
}

TEST(HistoryFileTest, TheSameLinkTwiceIsRefused) {
  std::vector<Link> links = Links();
  links[1].port = links[0].port;
  EXPECT_EQ(Why(WriteHistory(kNode, kNow, links)), "is damaged");
  links = Links();
  links[0].records[0].push_back(links[0].records[0].front());
  EXPECT_EQ(Why(WriteHistory(kNode, kNow, links)), "is damaged");
}

TEST(HistoryFileTest, ReadsAFile) {
  TempDir directory;
  state::Place place{.directory = directory.At("state"), .kind = "history", .node = kNode};
  const std::string path = state::StateFilePath(place.directory, place.kind, kNode);
  const auto missing = ReadHistoryFile(place);
  ASSERT_TRUE(missing.ok()) << missing.status();
  EXPECT_FALSE(missing->has_value());
  ASSERT_EQ(state::ReplaceStateFile(path, WriteHistory(kNode, kNow, Links())), absl::OkStatus());
  const auto file = ReadHistoryFile(place);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((**file).links, Links());
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  EXPECT_FALSE(ReadHistoryFile(place).ok());
}

}  // namespace
}  // namespace warp::history
