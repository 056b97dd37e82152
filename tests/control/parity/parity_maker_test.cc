// Blocks of a tunnel's payloads, as they are taken.
#include "control/parity/parity_maker.h"

#include <gtest/gtest.h>

#include <vector>

namespace warp::parity {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const wire::Instant kNow{seconds(100)};

class ParityMakerTest : public testing::Test {
 protected:
  ParityMakerTest() { Use(2, 1); }

  void Use(uint8_t payloads, uint8_t parities) {
    maker_.SetPolicy({.payloads = payloads, .parities = parities}, milliseconds(200));
  }
  void Add(wire::PathMask paths) {
    maker_.Add(kNow, sequence_, {.sequence = sequence_}, std::vector<uint8_t>(10, 1), paths);
    ++sequence_;
  }

  uint32_t sequence_ = 0;
  ParityMaker maker_{3};
};

TEST_F(ParityMakerTest, NoPathShouldCarryMoreOfABlockThanItsParityMakesUpFor) {
  EXPECT_EQ(maker_.Full(0b111), 0u);
  Add(0b001);
  EXPECT_EQ(maker_.Full(0b111), 0b001u);
  Add(0b010);
  EXPECT_EQ(maker_.Full(0b111), 0b011u);
}

// Its parity gave way to payloads, so that not every path carries something of it.
TEST_F(ParityMakerTest, WhatABlockHasOnAPathIsNothingToTheNextOne) {
  Add(0b001);
  Add(0b010);
  ASSERT_TRUE(maker_.full());
  maker_.Finish();
  EXPECT_EQ(maker_.Crowded(0b111), 0b011u) << "its parity leaves now";
  EXPECT_EQ(maker_.Full(0b111), 0u) << "the next payload is of another block";
}

}  // namespace
}  // namespace warp::parity
