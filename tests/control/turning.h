// Helpers that turn the loop until something has happened.
#ifndef WARP_TESTS_CONTROL_TURNING_H_
#define WARP_TESTS_CONTROL_TURNING_H_

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>

#include "control/loop/loop.h"

namespace warp::control {

inline std::unique_ptr<Loop> MakeLoop() {
  auto loop = Loop::Open();
  EXPECT_TRUE(loop.ok()) << loop.status();
  return *std::move(loop);
}

// Turns the loop until `happened`. Returns false after ten seconds, which no usable machine needs.
inline bool TurnUntil(Loop& loop, const std::function<bool()>& happened) {
  const wire::Instant end = loop.ReadClock() + std::chrono::seconds(10);
  while (!happened()) {
    if (loop.ReadClock() > end) return false;
    if (loop.RunOnce(64) == 0) loop.Wait(std::chrono::milliseconds(20));
  }
  return true;
}

// Lets everything happen that is under way. Tests call it before they check that something did not happen.
inline void Settle(Loop& loop) {
  for (int i = 0; i < 20; ++i) {
    loop.RunOnce(64);
    loop.Wait(std::chrono::milliseconds(2));
  }
}

}  // namespace warp::control

#endif  // WARP_TESTS_CONTROL_TURNING_H_
