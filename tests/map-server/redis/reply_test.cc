#include "map-server/redis/reply.h"

#include <gtest/gtest.h>

#include <array>

#include "absl/strings/str_cat.h"

namespace warp::map {
namespace {

using Next = ReplyReader::Next;

TEST(Reply, IsReadWhateverItsPieces) {
  const std::string bytes = "*4\r\n:-7\r\n$3\r\na\r\n\r\n$-1\r\n*2\r\n+OK\r\n-ERR no\r\n:1\r\n";
  for (size_t piece = 1; piece <= bytes.size(); ++piece) {
    ReplyReader reader;
    Reply reply;
    std::vector<Reply> replies;
    for (size_t at = 0; at < bytes.size(); at += piece) {
      reader.Feed(absl::string_view(bytes).substr(at, piece));
      while (reader.Take(&reply) == Next::kReply) replies.push_back(reply);
    }
    ASSERT_EQ(replies.size(), 2u) << piece;
    const Reply& array = replies[0];
    ASSERT_TRUE(array.is_array(4));
    EXPECT_EQ(array.elements[0].integer, -7);
    EXPECT_EQ(array.elements[1].text, "a\r\n");
    EXPECT_EQ(array.elements[2].kind, Reply::Kind::kNil);
    ASSERT_TRUE(array.elements[3].is_array(2));
    EXPECT_EQ(array.elements[3].elements[0].kind, Reply::Kind::kStatus);
    EXPECT_TRUE(array.elements[3].elements[1].is_error());
    EXPECT_EQ(replies[1].integer, 1);
  }
}

// Whatever a server may say to take memory, or to be misunderstood.
TEST(Reply, HostileOnesEndTheReading) {
  const std::string deep = "*1\r\n";
  std::string nested;
  for (int i = 0; i < 100; ++i) nested += deep;
  for (const std::string& bytes :
       {std::string("HTTP/1.1 400 Bad Request\r\n\r\n"), std::string("*2000000000\r\n"),
        std::string("*-5\r\n"), std::string("$-7\r\n"), nested,
        absl::StrCat("*16000\r\n*16000\r\n"), std::string("\x16\x03\x01\x02\x00", 5),
        absl::StrCat("$500000000\r\n", std::string(ReplyReader::kMaxBytes, 'x'))}) {
    ReplyReader reader;
    Reply reply;
    reader.Feed(bytes);
    EXPECT_EQ(reader.Take(&reply), Next::kBad) << bytes.substr(0, 40);
    reader.Feed("+OK\r\n");
    EXPECT_EQ(reader.Take(&reply), Next::kBad) << "it came back";
  }
}

TEST(Reply, MuchInPiecesOfAnArrayIsTooMuch) {
  ReplyReader reader;
  Reply reply;
  reader.Feed("*10000\r\n");
  const std::string piece = absl::StrCat("$60000\r\n", std::string(60000, 'x'), "\r\n");
  Next next = Next::kMore;
  for (int i = 0; i < 100 && next == Next::kMore; ++i) {
    reader.Feed(piece);
    next = reader.Take(&reply);
  }
  EXPECT_EQ(next, Next::kBad);
}

TEST(Reply, CommandsAreArraysOfStrings) {
  const std::array<absl::string_view, 3> words = {"SET", "", "a\r\nb"};
  EXPECT_EQ(EncodeCommand(words), "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\na\r\nb\r\n");
}

}  // namespace
}  // namespace warp::map
