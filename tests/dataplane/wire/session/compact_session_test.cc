#include "dataplane/wire/session/compact_session.h"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <set>
#include <string>

#include "tests/dataplane/wire/hex.h"

namespace warp::wire {
namespace {

class CompactSessionTest : public testing::Test {
 protected:
  CompactSessionTest() { Begin(); }
  void Begin() { map_.emplace().Start(20, 10, b_, a_); }

  // What the node's whole session seals under this counter.
  std::vector<uint8_t> FromNode(uint64_t counter) {
    Session node({.local_index = 10, .remote_index = 20, .initiator = true}, a_, b_);
    node.ReserveCounters(static_cast<uint32_t>(counter));
    return node.Seal(Instant(), *engine_, text_).value();
  }
  // kNone where it was opened.
  Drop Open(std::vector<uint8_t> datagram) {
    const auto opened = map_->Open(datagram);
    const Drop* drop = std::get_if<Drop>(&opened);
    return drop != nullptr ? *drop : Drop::kNone;
  }
  Drop Open(uint64_t counter) { return Open(FromNode(counter)); }

  const SymmetricKey a_{CountingBytes(0)};
  const SymmetricKey b_{CountingBytes(100)};
  const std::vector<uint8_t> text_{3, 1, 4, 1, 5};
  const std::unique_ptr<AeadEngine> engine_ = MakeEngine(EngineKind::kSodium).value();
  std::optional<CompactSession> map_;
};

TEST_F(CompactSessionTest, SpeaksWithAWholeSessionBothWays) {
  Session node({.local_index = 10, .remote_index = 20, .initiator = true}, a_, b_);
  std::vector<uint8_t> there = node.Seal(Instant(), *engine_, text_).value();
  const auto opened = map_->Open(there);
  ASSERT_TRUE(std::holds_alternative<Session::Opened>(opened));
  const auto& text = std::get<Session::Opened>(opened).plaintext;
  EXPECT_EQ(std::vector<uint8_t>(text.begin(), text.end()), text_);
  for (int i = 0; i < 3; ++i) {
    std::vector<uint8_t> back = map_->Seal(text_).value();
    EXPECT_TRUE(std::holds_alternative<Session::Opened>(node.Open(Instant(), *engine_, back)));
  }
}

TEST_F(CompactSessionTest, WhatIsForgedOrForAnotherChangesNothing) {
  for (size_t i = 0; i < FromNode(7).size(); ++i) {
    std::vector<uint8_t> forged = FromNode(7);
    forged[i] ^= 1;
    EXPECT_NE(Open(forged), Drop::kNone) << i;
  }
  for (size_t size = 0; size < FromNode(7).size(); ++size) {
    std::vector<uint8_t> cut = FromNode(7);
    cut.resize(size);
    EXPECT_NE(Open(cut), Drop::kNone) << size;
  }
  EXPECT_EQ(Open(7), Drop::kNone);
  CompactSession none;
  std::vector<uint8_t> datagram = FromNode(0);
  EXPECT_EQ(std::get<Drop>(none.Open(datagram)), Drop::kUnknownSession);
}

TEST_F(CompactSessionTest, TellsTheLast128CountersApart) {
  EXPECT_EQ(Open(500), Drop::kNone);
  EXPECT_EQ(Open(500), Drop::kDuplicate);
  EXPECT_EQ(Open(500 - 127), Drop::kNone);
  EXPECT_EQ(Open(500 - 128), Drop::kTooOld);
  EXPECT_EQ(Open(501), Drop::kNone);
  EXPECT_EQ(Open(500 - 127), Drop::kTooOld);
  EXPECT_EQ(Open(501 + 64), Drop::kNone);
  EXPECT_EQ(Open(500), Drop::kDuplicate);
  EXPECT_EQ(Open(501), Drop::kDuplicate);
  EXPECT_EQ(Open(502), Drop::kNone);
}

TEST_F(CompactSessionTest, AWideWindowKnowsMoreFromThenOn) {
  EXPECT_EQ(Open(1000), Drop::kNone);
  EXPECT_EQ(Open(990), Drop::kNone);
  map_->Widen();
  EXPECT_EQ(Open(990), Drop::kDuplicate);
  EXPECT_EQ(Open(1000 - 128), Drop::kDuplicate) << "nobody knows any more";
  EXPECT_EQ(Open(2000), Drop::kNone);
  EXPECT_EQ(Open(990), Drop::kDuplicate);
  EXPECT_EQ(Open(991), Drop::kNone);
  EXPECT_EQ(Open(2000 - 1024), Drop::kTooOld);
}

// Counters in any order, against a set of those that came.
TEST_F(CompactSessionTest, NoCounterIsOpenedTwice) {
  for (const uint64_t window : {CompactSession::kWindow, CompactSession::kWideWindow}) {
    Begin();
    if (window == CompactSession::kWideWindow) map_->Widen();
    std::mt19937 random(1);
    std::set<uint64_t> came;
    uint64_t highest = 5000;
    for (int i = 0; i < 3000; ++i) {
      const uint64_t counter = highest + random() % 200 - random() % (2 * window);
      const Drop drop = Open(counter);
      if (counter + window <= (came.empty() ? 0 : *came.rbegin())) {
        EXPECT_EQ(drop, Drop::kTooOld);
      } else if (came.contains(counter)) {
        EXPECT_EQ(drop, Drop::kDuplicate);
      } else if (window == CompactSession::kWindow) {
        EXPECT_EQ(drop, Drop::kNone);
      }
      if (drop == Drop::kNone) {
        EXPECT_TRUE(came.insert(counter).second);
      }
      highest = std::max(highest, came.empty() ? 0 : *came.rbegin());
    }
  }
}

}  // namespace
}  // namespace warp::wire
