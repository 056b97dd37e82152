#include "control/bonding/compact_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <random>

namespace warp::bonding {
namespace {

// Whatever is done to it, it holds what a std::deque would.
TEST(CompactQueue, IsAQueue) {
  std::mt19937 random(1);
  CompactQueue<uint32_t> queue;
  std::deque<uint32_t> expected;
  for (uint32_t step = 0; step < 200000; ++step) {
    // Long times of growing and of shrinking, so that every state comes up.
    const bool grows = step / 500 % 2 == 0;
    const auto place = static_cast<ptrdiff_t>(expected.empty() ? 0 : random() % expected.size());
    const uint32_t what = random() % 16;
    if (what < (grows ? 8 : 3)) {
      queue.push_back(step);
      expected.push_back(step);
    } else if (what == 8) {
      queue.push_front(step);
      expected.push_front(step);
    } else if (what == 9) {
      queue.insert(queue.begin() + place, step);
      expected.insert(expected.begin() + place, step);
    } else if (what == 10 && !expected.empty()) {
      queue.erase(queue.begin() + place);
      expected.erase(expected.begin() + place);
    } else if (!expected.empty()) {
      queue.pop_front();
      expected.pop_front();
    }
    ASSERT_EQ(queue.empty(), expected.empty());
    ASSERT_EQ(queue.size(), expected.size());
    if (expected.empty()) continue;
    ASSERT_EQ(queue.front(), expected.front());
    ASSERT_EQ(queue.back(), expected.back());
    if (step % 64 != 0) continue;
    ASSERT_TRUE(std::equal(queue.begin(), queue.end(), expected.begin()));
  }
}

}  // namespace
}  // namespace warp::bonding
