// Parity beside the payloads that a bond spreads.
#include <gmock/gmock.h>

#include <bit>
#include <map>
#include <set>

#include "tests/control/tunnel/bond/sender_bond_fixture.h"

namespace warp::control {
namespace {

using config::TunnelMode;
using std::chrono::milliseconds;

class SenderParityTest : public SenderBondTest {
 protected:
  static config::TunnelPolicy Fec(uint8_t payloads, uint8_t parities) {
    return {.mode = TunnelMode::kStripe,
            .order = milliseconds(100),
            .fec = {.payloads = payloads, .parities = parities}};
  }
  // What leaves until nothing waits.
  std::vector<Left> TakeAll(size_t count) {
    std::vector<Left> all;
    TurnUntil(*loop_, [&] {
      if (sender_.NextTimeout() <= loop_->now()) sender_.Pump(loop_->now());
      for (Left& one : Take()) all.push_back(std::move(one));
      return all.size() >= count;
    });
    return all;
  }
};

TEST_F(SenderParityTest, ABlockHasItsParity) {
  Use(Fec(4, 1));
  for (const char* payload : {"aaaa", "bb", "cccccc", "d"}) Send(payload);
  const std::vector<Left> left = TakeAll(5);
  ASSERT_EQ(left.size(), 5u);
  ASSERT_TRUE(left[4].parity.has_value());
  EXPECT_EQ(left[4].parity->first, 0u);
  EXPECT_EQ(left[4].parity->count, 4);
  EXPECT_EQ(left[4].parity->tunnel_id, 7);
  EXPECT_EQ(left[4].parity->length, 4 ^ 2 ^ 6 ^ 1);
  EXPECT_EQ(left[4].payload[5], 'c');  // alone so long
  EXPECT_GT(left[4].counter, left[3].counter);
  // Later ones may still come: no gap is proven.
  EXPECT_TRUE(left[0].place->resend);
  EXPECT_EQ(bond_.bond().StatusOf(5).parity, 1u);
}

TEST_F(SenderParityTest, NoPathHasTwoPacketsOfABlockThatSurvivesTheDeathOfOne) {
  SetRoute({0, 1, 2}, kAllFeatures);
  Use(Fec(2, 1));
  for (int i = 0; i < 10; ++i) Send("x");
  const std::vector<Left> left = TakeAll(15);
  ASSERT_EQ(left.size(), 15u);
  std::map<uint32_t, std::set<wire::PathMask>> paths;  // by block
  for (const Left& one : left) {
    EXPECT_TRUE(std::has_single_bit(one.paths));
    const uint32_t sequence = one.parity ? one.parity->first : one.place->sequence;
    EXPECT_TRUE(paths[sequence / 2].insert(one.paths).second) << "block " << sequence / 2;
  }
}

TEST_F(SenderParityTest, AnOldBlockEndsEarly) {
  Use(Fec(4, 2));
  Send("alone");
  const std::vector<Left> left = TakeAll(2);
  ASSERT_EQ(left.size(), 2u);
  ASSERT_TRUE(left[1].parity.has_value());
  EXPECT_EQ(left[1].parity->count, 1);
  EXPECT_EQ(left[1].payload, "alone") << "the parity of one payload is a copy";
  EXPECT_TRUE(Take().empty()) << "its share of parities is one";
}

TEST_F(SenderParityTest, APeerThatKnowsNoParityGetsNone) {
  SetRoute({0, 1}, wire::kFeatureFeedback | wire::kFeatureSequenced);
  Use(Fec(2, 1));
  for (int i = 0; i < 4; ++i) Send("x");
  for (const Left& one : TakeAll(4)) EXPECT_FALSE(one.parity.has_value());
  EXPECT_EQ(bond_.bond().StatusOf(5).parity, 0u);
}

TEST_F(SenderParityTest, WhatFitsNoParityPacketIsInNoBlock) {
  Use(Fec(2, 1));
  Send("a");
  Send(std::string(1404 - wire::kSequencedHeaderSize, 'x'));  // whole, and too large for parity
  Send("b");
  Send("c");
  const std::vector<Left> left = TakeAll(6);
  std::vector<std::pair<uint32_t, int>> blocks;
  for (const Left& one : left) {
    if (one.parity) blocks.push_back({one.parity->first, one.parity->count});
  }
  EXPECT_THAT(blocks, testing::ElementsAre(testing::Pair(0, 1), testing::Pair(2, 2)));
}

TEST_F(SenderParityTest, ChangesWhileItRuns) {
  Use(Fec(4, 1));
  Send("a");
  sender_.SetPolicy(loop_->now(), Fec(0, 0));
  Send("b");
  Send("c");
  std::vector<Left> left = TakeAll(4);
  size_t parities = 0;
  for (const Left& one : left) parities += one.parity ? 1 : 0;
  EXPECT_EQ(parities, 1u) << "of the block that was begun";
  sender_.SetPolicy(loop_->now(), Fec(1, 1));
  Send("d");
  left = TakeAll(2);
  ASSERT_EQ(left.size(), 2u);
  EXPECT_EQ(left[1].parity->first, 3u);
}

TEST_F(SenderParityTest, ParityIsNeverSentAgain) {
  SetRoute({0}, kAllFeatures);
  config::TunnelPolicy policy = Fec(1, 1);
  policy.resend = milliseconds(500);
  Use(policy);
  for (int i = 0; i < 3; ++i) Send("x");
  const std::vector<Left> left = TakeAll(6);
  ASSERT_EQ(left.size(), 6u);
  Settle(*loop_);
  Tell(left[5].counter, 0, {left[1].counter, left[3].counter});
  Settle(*loop_);
  EXPECT_TRUE(Take().empty());
  EXPECT_EQ(bond_.bond().StatusOf(5).resent, 0u);
}

TEST_F(SenderParityTest, ParityThatWaitsIsBounded) {
  Use(Fec(1, 8));
  for (int i = 0; i < 400; ++i) Send(std::string(1300, 'x'));
  Take();
  EXPECT_LE(sender_.parity().waiting(), parity::ParityMaker::kMostWaiting);
}

}  // namespace
}  // namespace warp::control
