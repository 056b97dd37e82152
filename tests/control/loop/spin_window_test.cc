#include "control/loop/spin_window.h"

#include <gtest/gtest.h>

namespace warp::control {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using wire::Instant;

TEST(SpinWindow, ShortSleepsWidenIt) {
  SpinWindow spin;
  spin.Worked(Instant(milliseconds(5)));
  EXPECT_FALSE(spin.over(Instant(milliseconds(5) + microseconds(10))));
  EXPECT_TRUE(spin.over(Instant(milliseconds(5) + microseconds(11))));
  spin.Slept(microseconds(99));
  EXPECT_FALSE(spin.over(Instant(milliseconds(5) + microseconds(20))));
  for (int i = 0; i < 20; ++i) spin.Slept(microseconds(1));
  EXPECT_EQ(spin.window(), SpinWindow::kMost);
}

TEST(SpinWindow, LongSleepsNarrowIt) {
  SpinWindow spin;
  for (int i = 0; i < 20; ++i) spin.Slept(microseconds(1));
  spin.Slept(milliseconds(1));
  EXPECT_EQ(spin.window(), SpinWindow::kMost / 2);
  for (int i = 0; i < 20; ++i) spin.Slept(milliseconds(1));
  EXPECT_EQ(spin.window(), SpinWindow::kLeast);
}

TEST(SpinWindow, OfNoneIsOverAtOnceAndStaysSo) {
  SpinWindow spin(wire::Duration::zero());
  for (int i = 0; i < 20; ++i) {
    spin.Worked(Instant(milliseconds(5)));
    EXPECT_TRUE(spin.over(Instant(milliseconds(5) + std::chrono::nanoseconds(1))));
    spin.Slept(microseconds(1));
  }
}

}  // namespace
}  // namespace warp::control
