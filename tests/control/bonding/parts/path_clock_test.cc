// When a path is open again after its pace has changed.
#include "control/bonding/path_clock.h"

#include <gtest/gtest.h>

namespace warp::bonding {
namespace {

using std::chrono::milliseconds;

constexpr Instant kNow = Instant(std::chrono::seconds(100));

// A large packet left by a path of little pace, at whose rate it takes 73 ms; now the pace is four times that.
TEST(PathClock, AnotherPaceForgivesNothingOfTheRate) {
  PathClock clock;
  clock.Charge(kNow, kNow, milliseconds(291), milliseconds(73));
  clock.Scale(kNow, 0.25);
  EXPECT_GE(clock.Wait(kNow), milliseconds(73 - 2));
}

TEST(PathClock, AnotherPaceIsThatOfWhatWasSent) {
  PathClock clock;
  clock.Charge(kNow, kNow, milliseconds(82), milliseconds(10));
  clock.Scale(kNow, 0.25);
  EXPECT_EQ(clock.Wait(kNow), milliseconds(20));
}

// The share of a rate is what may not be exceeded, and it has changed.
TEST(PathClock, AnotherShareIsPaidAtOnce) {
  PathClock clock;
  clock.Charge(kNow, kNow, milliseconds(82), milliseconds(82));
  clock.Scale(kNow, 0.25, 0.25);
  EXPECT_EQ(clock.Wait(kNow), milliseconds(20));
}

// Copies leave while it is closed: what they cost must fit what the clock may owe.
TEST(PathClock, TakesAtOnceWhatItCanOwe) {
  PathClock clock;
  EXPECT_TRUE(clock.Takes(kNow, milliseconds(300)));
  for (int i = 0; i < 10; ++i) clock.Charge(kNow, kNow, milliseconds(9));
  EXPECT_TRUE(clock.Takes(kNow, milliseconds(9)));
  EXPECT_FALSE(clock.Takes(kNow, milliseconds(15)));
}

}  // namespace
}  // namespace warp::bonding
