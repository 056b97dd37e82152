#include "map-server/stream/stream_book.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
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
  // Its first WARP message has come; returns what ends for that, as the owner ends it.
  std::optional<size_t> Prove(size_t slot, const wire::PublicKey& key) {
    const std::optional<size_t> gone = book_.NoteAuthentic(now_, slot, key);
    if (gone.has_value()) book_.Release(*gone);
    return gone;
  }
  std::optional<size_t> Prove(size_t slot) { return Prove(slot, KeyOf(next_key_++)); }
  static wire::PublicKey KeyOf(uint32_t number) {
    std::array<uint8_t, wire::kKeySize> bytes{};
    std::memcpy(bytes.data(), &number, sizeof(number));
    return wire::PublicKey::FromBytes(bytes);
  }
  std::string Address(int network, int host) { return absl::StrCat("192.0.", network, ".", host); }
  // Ends what is due, as the owner does.
  std::vector<size_t> Expire() {
    std::vector<size_t> ended;
    while (const std::optional<size_t> slot = book_.TakeDue(now_)) {
      ended.push_back(*slot);
      book_.Release(*slot);
    }
    return ended;
  }

  StreamBook book_{{.streams = 10,
                    .of_source = 3,
                    .unproven = 4,
                    .of_key = 2,
                    .burst = 2,
                    .per_second = 10,
                    .accept_burst = 5,
                    .accepted_per_second = 10}};
  uint32_t next_key_ = 1;
  wire::Instant now_{seconds(1000)};
  std::optional<size_t> evicted_;
};

TEST_F(StreamBookTest, WhoProvesNothingEndsInTime) {
  const size_t silent = *Admit("192.0.2.1");
  const size_t node = *Admit("192.0.2.1");
  now_ += seconds(3);
  Prove(node);
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
  Prove(silent);
  for (int i = 0; i < 12; ++i) {
    Prove(node);
    EXPECT_EQ(Expire(), std::vector<size_t>{});
    now_ += kStreamIdle / 12;
  }
  EXPECT_EQ(Expire(), std::vector<size_t>{silent});
  EXPECT_EQ(book_.NextTimeout(), now_ + kStreamIdle - kStreamIdle / 12);
  now_ = book_.NextTimeout();
  EXPECT_EQ(Expire(), std::vector<size_t>{node});
  EXPECT_EQ(book_.NextTimeout(), wire::kNever);
}

// Of those that have proved nothing, the oldest makes room: behind a NAT, a silent neighbour keeps nobody out.
TEST_F(StreamBookTest, OneAddressHasItsShare) {
  std::vector<size_t> slots;
  for (int i = 0; i < 3; ++i) slots.push_back(*Admit("192.0.2.1"));
  Prove(slots[0]);
  const size_t fourth = *Admit("192.0.2.1");
  EXPECT_EQ(evicted_, slots[1]);
  Prove(slots[2]);
  Prove(fourth);
  EXPECT_FALSE(Admit("192.0.2.1").has_value());
  EXPECT_EQ(book_.refused().source, 1u);
  EXPECT_TRUE(Admit("192.0.2.2").has_value());
  book_.Release(slots[0]);
  EXPECT_TRUE(Admit("192.0.2.1").has_value());
}

// Whoever has one address of a /64 has all of them.
TEST_F(StreamBookTest, OneIpv6NetworkIsOneAddress) {
  for (int i = 0; i < 3; ++i) Prove(*Admit(absl::StrCat("2001:db8::", i + 1)));
  EXPECT_FALSE(Admit("2001:db8::9").has_value());
  EXPECT_TRUE(Admit("2001:db8:0:1::9").has_value());
}

// A network that brings many strangers makes room in its own.
TEST_F(StreamBookTest, StrangersMakeRoomForEachOtherAndNobodyElseDoes) {
  const size_t node = *Admit("192.0.2.100");
  Prove(node);
  const size_t newcomer = *Admit("198.51.100.7");
  std::vector<size_t> strangers;
  for (int i = 0; i < 3; ++i) {
    now_ += std::chrono::milliseconds(1);
    strangers.push_back(*Admit(Address(2, i + 1)));
    EXPECT_FALSE(evicted_.has_value());
  }
  for (int i = 0; i < 200; ++i) {
    now_ += std::chrono::milliseconds(1);
    ASSERT_TRUE(Admit(Address(2, i + 10)).has_value());
    ASSERT_TRUE(evicted_.has_value());
    if (i == 0) {
      EXPECT_EQ(*evicted_, strangers[0]) << "the oldest";
    }
    ASSERT_NE(*evicted_, node);
    ASSERT_NE(*evicted_, newcomer);
  }
  EXPECT_EQ(book_.refused().evicted, 200u);
  EXPECT_EQ(book_.size(), 5u);
  Prove(newcomer);
  EXPECT_TRUE(book_.proven(newcomer));
  EXPECT_TRUE(book_.proven(node));
}

TEST_F(StreamBookTest, StrangersOfManyNetworksEndBeforeNodesDo) {
  std::vector<size_t> nodes;
  for (int i = 0; i < 6; ++i) {
    nodes.push_back(*Admit(Address(i, 1)));
    Prove(nodes.back());
  }
  for (int i = 0; i < 250; ++i) ASSERT_TRUE(Admit(Address(i, 2)).has_value());
  for (const size_t node : nodes) EXPECT_TRUE(book_.proven(node));
  EXPECT_EQ(book_.size(), 10u);
}

// Whoever has many addresses and keys in one network has all that nobody else wants, and no more.
TEST_F(StreamBookTest, WhereAllAreNodesNetworksShare) {
  for (int i = 0; i < 6; ++i) EXPECT_EQ(Prove(*Admit(Address(2, i + 1))), std::nullopt);
  const size_t seventh = *Admit(Address(2, 7));
  EXPECT_EQ(Prove(seventh), seventh) << "it is of the network that has most";
  EXPECT_EQ(book_.refused().full, 1u);
  // Another network gets half of the room, and then each of three a third.
  for (int i = 0; i < 10; ++i) Prove(*Admit(Address(3, i + 1)));
  EXPECT_EQ(book_.size(), 6u);
  std::vector<size_t> third;
  for (int i = 0; i < 10; ++i) {
    const size_t slot = *Admit(absl::StrCat("2001:db8:1:", i, "::1"));
    if (Prove(slot) != slot) third.push_back(slot);
  }
  EXPECT_EQ(third.size(), 2u) << "a /48";
  for (const size_t slot : third) EXPECT_TRUE(book_.proven(slot));
}

TEST_F(StreamBookTest, AKeyHasAFewAndTheOldestGoes) {
  const size_t first = *Admit(Address(1, 1)), second = *Admit(Address(2, 1));
  EXPECT_EQ(Prove(first, KeyOf(7)), std::nullopt);
  EXPECT_EQ(Prove(second, KeyOf(7)), std::nullopt);
  const size_t third = *Admit(Address(3, 1));
  EXPECT_EQ(Prove(third, KeyOf(7)), first);
  EXPECT_EQ(book_.refused().key, 1u);
  // It is asked once for each stream.
  EXPECT_EQ(Prove(second, KeyOf(7)), std::nullopt);
  EXPECT_EQ(Prove(*Admit(Address(4, 1)), KeyOf(8)), std::nullopt);
  EXPECT_EQ(book_.size(), 3u);
}

TEST_F(StreamBookTest, ConnectionsAreTakenAtARate) {
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(book_.TakeToken(now_));
  EXPECT_FALSE(book_.TakeToken(now_));
  now_ += std::chrono::milliseconds(100);
  EXPECT_TRUE(book_.TakeToken(now_));
  EXPECT_FALSE(book_.TakeToken(now_));
}

// A slot is charged once, however often its handshake goes on.
TEST_F(StreamBookTest, HandshakesComeAtARate) {
  std::vector<size_t> slots;
  for (int i = 0; i < 3; ++i) slots.push_back(*Admit(Address(2, i + 1)));
  EXPECT_EQ(book_.NextHandshake(), wire::kNever);
  for (const size_t slot : slots) book_.Queue(slot);
  book_.Queue(slots[0]);
  EXPECT_EQ(book_.TakeHandshake(now_), slots[0]);
  book_.Queue(slots[0]);
  EXPECT_EQ(book_.TakeHandshake(now_), slots[1]);
  EXPECT_EQ(book_.TakeHandshake(now_), std::nullopt);
  now_ += std::chrono::milliseconds(100);
  EXPECT_EQ(book_.TakeHandshake(now_), slots[2]);
  now_ += std::chrono::milliseconds(100);
  EXPECT_EQ(book_.TakeHandshake(now_), slots[0]);
  EXPECT_EQ(book_.TakeHandshake(now_), std::nullopt);
  EXPECT_EQ(book_.NextHandshake(), wire::kNever);
}

// One network's many handshakes wait for themselves. What has ended meanwhile has no turn, nor has its successor.
TEST_F(StreamBookTest, NetworksTakeTurnsWithTheirHandshakes) {
  for (int i = 0; i < 100; ++i) book_.Queue(*Admit(Address(2, i + 1)));
  const size_t other = *Admit("198.51.100.7");
  book_.Queue(other);
  std::vector<size_t> turns;
  while (const auto slot = book_.TakeHandshake(now_)) turns.push_back(*slot);
  EXPECT_EQ(turns.size(), 2u);
  EXPECT_NE(std::find(turns.begin(), turns.end(), other), turns.end());
}

TEST_F(StreamBookTest, ThereIsRoomForTheMapsOwnDescriptors) {
  EXPECT_EQ(StreamBook::Limits::For(1024).streams, 512u);
  EXPECT_EQ(StreamBook::Limits::For(1024).unproven, 64u);
  EXPECT_EQ(StreamBook::Limits::For(1 << 20).streams, kMaxStreams);
  EXPECT_EQ(StreamBook::Limits::For(1 << 20).unproven, kMaxUnprovenStreams);
}

}  // namespace
}  // namespace warp::map
