// When a queue that stands loses a payload, and when the next one.
#include "control/bonding/codel.h"

#include <gtest/gtest.h>

#include <vector>

namespace warp::bonding {
namespace {

using std::chrono::milliseconds;
using wire::Duration;
using wire::Instant;

// When payloads are dropped, in milliseconds, of which each finds this wait, one a millisecond.
std::vector<int> Drops(Duration wait, Duration round_trip, int until) {
  Codel codel;
  std::vector<int> drops;
  for (int at = 1; at <= until; ++at) {
    if (codel.Drops(Instant(milliseconds(at)), wait, round_trip)) drops.push_back(at);
  }
  return drops;
}

TEST(Codel, AShortWaitIsNoQueue) {
  EXPECT_TRUE(Drops(milliseconds(19), milliseconds(20), 5000).empty());
}

TEST(Codel, OneAfterAnIntervalAndThenFaster) {
  EXPECT_EQ(Drops(milliseconds(20), milliseconds(20), 700), (std::vector<int>{201, 401, 543, 658}));
}

// A wait of 100 ms and a round trip of 120: the sender sends less 220 ms later, and the queue shows it after as long.
TEST(Codel, ThePathIsGivenTheTimeToAnswer) {
  EXPECT_EQ(Drops(milliseconds(100), milliseconds(120), 1600),
            (std::vector<int>{201, 641, 1081, 1521}));
}

// A hundred connections, or a flood, are no answer.
TEST(Codel, WithoutAnAnswerItBecomesFast) {
  EXPECT_GE(Drops(milliseconds(100), milliseconds(120), 10000).size(), 80u);
}

// Who claims a round trip of an hour is dropped from all the same.
TEST(Codel, AnAnswerIsNotAwaitedForEver) {
  EXPECT_GE(Drops(milliseconds(100), std::chrono::hours(1), 5000).size(), 5u);
}

}  // namespace
}  // namespace warp::bonding
