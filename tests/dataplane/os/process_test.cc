#include "dataplane/os/process.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

namespace warp::os {
namespace {

rlimit Limit(__rlimit_resource resource) {
  rlimit limit{};
  EXPECT_EQ(getrlimit(resource, &limit), 0);
  return limit;
}

// A hard limit cannot be raised again without privileges, so the test lowers it in a process of its own.
TEST(ProcessTest, ForbidsCoreDumpsForGood) {
  EXPECT_EXIT(
      {
        ForbidCoreDumps();
        const rlimit limit = Limit(RLIMIT_CORE);
        std::exit(limit.rlim_cur == 0 && limit.rlim_max == 0 ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(ProcessTest, TakesAsManyDescriptorsAsTheSystemGrants) {
  const rlimit before = Limit(RLIMIT_NOFILE);
  const rlimit lowered{before.rlim_max / 2, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lowered), 0);
  RaiseDescriptorLimit();
  const rlimit raised = Limit(RLIMIT_NOFILE);
  EXPECT_EQ(raised.rlim_cur, before.rlim_max);
  EXPECT_EQ(raised.rlim_max, before.rlim_max);
  setrlimit(RLIMIT_NOFILE, &before);
}

// A child that has ended, and that nobody has buried, can still be sent a signal.
TEST(ProcessTest, LeavesNoDeadChildBehind) {
  EXPECT_EXIT(
      {
        LeaveChildrenToSystem();
        alarm(60);
        const pid_t child = fork();
        if (child == 0) _exit(0);
        while (kill(child, 0) == 0) usleep(1000);
        std::exit(0);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(ProcessTest, KnowsTheCpusOfTheMachine) {
  EXPECT_TRUE(CpuExists(sched_getcpu()));
  EXPECT_FALSE(CpuExists(1 << 20));
}

TEST(ProcessTest, SaysWhatMayBeLockedInMemory) {
  EXPECT_EXIT(
      {
        rlimit limit = Limit(RLIMIT_MEMLOCK);
        limit.rlim_cur = 65536;
        setrlimit(RLIMIT_MEMLOCK, &limit);
        std::exit(MemlockText() == "RLIMIT_MEMLOCK is 64 KiB" ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace warp::os
