#include "map-server/stream/stream_book.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace warp::map {
namespace {

using std::chrono::seconds;

wire::IpAddress Ip(const std::string& text) { return *wire::IpAddress::Parse(text); }

class StreamBookTest : public ::testing::Test {
 protected:
  std::optional<size_t> Admit(const std::string& from) {
    return book_.Admit(now_, Ip(from), &evicted_);
  }
  // Ends what is due, as the owner does.
  std::vector<size_t> Expire() {
    std::vector<size_t> ended;
    while (const std::optional<size_t> slot = book_.TakeDue(now_)) {
      ended.push_back(*slot);
      book_.Release(*slot);
    }
    return ended;
  }

  StreamBook book_{{.streams = 6, .of_source = 3, .unproven = 4, .burst = 2, .per_second = 10}};
  wire::Instant now_{seconds(1000)};
  std::optional<size_t> evicted_;
};

TEST_F(StreamBookTest, WhoProvesNothingEndsInTime) {
  const size_t silent = *Admit("192.0.2.1");
  const size_t node = *Admit("192.0.2.1");
  now_ += seconds(3);
  book_.NoteAuthentic(now_, node);
  EXPECT_EQ(book_.unproven(), 1u);
  now_ += kStreamProof - seconds(4);
  EXPECT_EQ(Expire(), std::vector<size_t>{});
  now_ += seconds(1);
  EXPECT_EQ(Expire(), std::vector<size_t>{silent});
  EXPECT_EQ(book_.size(), 1u);
}

TEST_F(StreamBookTest, WhoIsSilentForLongEndsAndWhoSpeaksStays) {
  const size_t silent = *Admit("192.0.2.1");
  const size_t node = *Admit("192.0.2.2");
  book_.NoteAuthentic(now_, silent);
  for (int i = 0; i < 12; ++i) {
    book_.NoteAuthentic(now_, node);
    EXPECT_EQ(Expire(), std::vector<size_t>{});
    now_ += kStreamIdle / 12;
  }
  EXPECT_EQ(Expire(), std::vector<size_t>{silent});
  EXPECT_EQ(book_.NextTimeout(), now_ + kStreamIdle - kStreamIdle / 12);
  now_ = book_.NextTimeout();
  EXPECT_EQ(Expire(), std::vector<size_t>{node});
  EXPECT_EQ(book_.NextTimeout(), wire::kNever);
}

TEST_F(StreamBookTest, OneAddressHasItsShare) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Admit("192.0.2.1").has_value());
  EXPECT_FALSE(Admit("192.0.2.1").has_value());
  EXPECT_EQ(book_.refused().source, 1u);
  EXPECT_TRUE(Admit("192.0.2.2").has_value());
  book_.Release(0);
  EXPECT_TRUE(Admit("192.0.2.1").has_value());
}

// Whoever has one address of a /64 has all of them.
TEST_F(StreamBookTest, OneIpv6NetworkIsOneAddress) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(Admit(absl::StrCat("2001:db8::", i + 1)).has_value());
  EXPECT_FALSE(Admit("2001:db8::9").has_value());
  EXPECT_TRUE(Admit("2001:db8:0:1::9").has_value());
}

TEST_F(StreamBookTest, StrangersMakeRoomForEachOtherAndNodesStay) {
  const size_t node = *Admit("192.0.2.100");
  book_.NoteAuthentic(now_, node);
  std::vector<size_t> strangers;
  for (int i = 0; i < 4; ++i) {
    now_ += seconds(1);
    strangers.push_back(*Admit(absl::StrCat("192.0.2.", i + 1)));
    EXPECT_FALSE(evicted_.has_value());
  }
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(Admit(absl::StrCat("192.0.3.", i + 1)).has_value());
    ASSERT_TRUE(evicted_.has_value());
    if (i == 0) {
      EXPECT_EQ(*evicted_, strangers[0]) << "the oldest";
    }
    ASSERT_NE(*evicted_, node);
  }
  EXPECT_EQ(book_.refused().evicted, 20u);
  EXPECT_EQ(book_.size(), 5u);
  EXPECT_TRUE(book_.proven(node));
}

TEST_F(StreamBookTest, WhereAllAreNodesNobodyElseComes) {
  for (int i = 0; i < 6; ++i) book_.NoteAuthentic(now_, *Admit(absl::StrCat("192.0.2.", i + 1)));
  EXPECT_FALSE(Admit("192.0.2.9").has_value());
  EXPECT_FALSE(evicted_.has_value());
  EXPECT_EQ(book_.refused().full, 1u);
}

TEST_F(StreamBookTest, HandshakesComeAtARate) {
  EXPECT_TRUE(book_.TakeToken(now_));
  EXPECT_TRUE(book_.TakeToken(now_));
  EXPECT_FALSE(book_.TakeToken(now_));
  now_ += std::chrono::milliseconds(100);
  EXPECT_TRUE(book_.TakeToken(now_));
  EXPECT_FALSE(book_.TakeToken(now_));
}

}  // namespace
}  // namespace warp::map
