#include "control/gate/udp/flow_numbers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace warp::control {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

wire::Endpoint Sender(uint16_t port) { return {wire::IpAddress::V4({127, 0, 0, 1}), port}; }

class FlowNumbersTest : public testing::Test {
 protected:
  wire::Instant now_{seconds(100)};
  FlowNumbers numbers_{3, minutes(2)};
};

TEST_F(FlowNumbersTest, EachSenderHasItsOwn) {
  EXPECT_EQ(numbers_.NumberOf(now_, Sender(1)), 0);
  EXPECT_EQ(numbers_.NumberOf(now_, Sender(2)), 1);
  EXPECT_EQ(numbers_.NumberOf(now_, Sender(1)), 0);
  EXPECT_EQ(*numbers_.SenderOf(now_, 1), Sender(2));
  EXPECT_EQ(numbers_.SenderOf(now_, 2), nullptr);
  EXPECT_EQ(numbers_.SenderOf(now_, 255), nullptr);
}

TEST_F(FlowNumbersTest, NobodyLosesOneToAnother) {
  for (uint16_t port = 1; port <= 3; ++port) numbers_.NumberOf(now_, Sender(port));
  EXPECT_EQ(numbers_.NumberOf(now_, Sender(4)), std::nullopt);
  EXPECT_EQ(numbers_.used(), 3u);
  EXPECT_EQ(*numbers_.SenderOf(now_, 0), Sender(1));
}

TEST_F(FlowNumbersTest, AllMayBeUsedAtOnce) {
  for (uint16_t port = 1; port <= 3; ++port) numbers_.NumberOf(now_, Sender(port));
  now_ += minutes(2);
  numbers_.NoteUse(now_);
  EXPECT_THAT(numbers_.Expire(now_ + minutes(2) - seconds(1)), IsEmpty());
  EXPECT_THAT(numbers_.Expire(now_ + minutes(2)), ElementsAre(0, 1, 2));
}

TEST_F(FlowNumbersTest, OneEndsWhenItIsIdleInBothDirections) {
  for (uint16_t port = 1; port <= 3; ++port) numbers_.NumberOf(now_, Sender(port));
  now_ += minutes(2) - seconds(1);
  EXPECT_THAT(numbers_.Expire(now_), IsEmpty());
  numbers_.NumberOf(now_, Sender(1));  // sends
  numbers_.SenderOf(now_, 1);          // is sent to
  now_ += seconds(1);
  EXPECT_THAT(numbers_.Expire(now_), ElementsAre(2));
  EXPECT_EQ(numbers_.SenderOf(now_, 2), nullptr);
  EXPECT_EQ(numbers_.NumberOf(now_, Sender(9)), 2);
  now_ += minutes(2);
  EXPECT_THAT(numbers_.Expire(now_), ElementsAre(0, 1, 2));
  EXPECT_EQ(numbers_.used(), 0u);
}

TEST_F(FlowNumbersTest, TheOneThatEndedFirstIsGivenFirst) {
  numbers_.NumberOf(now_, Sender(1));
  numbers_.NumberOf(now_ + seconds(9), Sender(2));
  numbers_.NumberOf(now_ + seconds(5), Sender(3));
  EXPECT_THAT(numbers_.Expire(now_ + minutes(2)), ElementsAre(0));
  EXPECT_THAT(numbers_.Expire(now_ + minutes(2) + seconds(5)), ElementsAre(2));
  EXPECT_THAT(numbers_.Expire(now_ + minutes(2) + seconds(9)), ElementsAre(1));
  EXPECT_EQ(numbers_.NumberOf(now_, Sender(4)), 0);
  EXPECT_EQ(numbers_.NumberOf(now_, Sender(5)), 2);
  EXPECT_EQ(numbers_.NumberOf(now_, Sender(6)), 1);
}

}  // namespace
}  // namespace warp::control
