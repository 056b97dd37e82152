#include "dataplane/os/thread_checker.h"

#include <gtest/gtest.h>

#include <thread>

namespace warp::os {
namespace {

bool IsAnotherThreads(const ThreadChecker& checker) {
  bool current = false;
  std::thread other([&] { current = checker.IsCurrent(); });
  other.join();
  return current;
}

TEST(ThreadChecker, BelongsToTheFirstThreadThatAsks) {
  ThreadChecker checker;
  EXPECT_TRUE(checker.IsCurrent());
  EXPECT_TRUE(checker.IsCurrent());
  EXPECT_FALSE(IsAnotherThreads(checker));
  EXPECT_TRUE(checker.IsCurrent());
}

TEST(ThreadChecker, BelongsToAnotherThreadAfterItWasDetached) {
  ThreadChecker checker;
  EXPECT_TRUE(checker.IsCurrent());
  checker.Detach();
  EXPECT_TRUE(IsAnotherThreads(checker));
  EXPECT_FALSE(checker.IsCurrent());
}

static_assert(sizeof(ThreadChecker) == 8);

}  // namespace
}  // namespace warp::os
