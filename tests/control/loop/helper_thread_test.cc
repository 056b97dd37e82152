#include "control/loop/helper_thread.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <future>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "dataplane/os/unique_fd.h"

namespace warp::control {
namespace {

// As /proc tells it: S sleeps.
char StateOf(pid_t thread) {
  std::ifstream stat(absl::StrCat("/proc/self/task/", thread, "/stat"));
  std::string number, name;
  char state = 0;
  stat >> number >> name >> state;
  return state;
}

TEST(HelperThread, AThreadThatTheSystemRefusesIsAnError) {
  const auto start_without_threads = [] {
    const rlimit one{1, 1};
    // Root may have as many as it likes, so this child of the test becomes somebody else.
    if (setrlimit(RLIMIT_NPROC, &one) != 0 || setgid(54321) != 0 || setuid(54321) != 0) _exit(77);
    const auto helper = HelperThread::Start("refused");
    _exit(helper.status().code() == absl::StatusCode::kUnavailable ? 0 : 1);
  };
  EXPECT_EXIT(start_without_threads(), ::testing::ExitedWithCode(0), "");
}

TEST(HelperThread, ACallThatHangsOutlivesItsOwner) {
  auto helper = HelperThread::Start("hung");
  ASSERT_TRUE(helper.ok()) << helper.status();
  std::promise<void> release;
  const auto hang = release.get_future().share();
  const auto finished = std::make_shared<std::atomic<int>>(0);
  std::promise<void> begun;
  for (int i = 0; i < 2; ++i) {
    (*helper)->Submit([&begun, hang, finished, i]() -> HelperThread::Finish {
      if (i == 0) begun.set_value();
      hang.wait();
      return [finished] { ++*finished; };
    });
  }
  const std::future<void> has_begun = begun.get_future();
  // A call is handed over only when the lock is free, and the thread that begins may have it.
  while (has_begun.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready)
    (*helper)->RunFinished();
  helper->reset();
  release.set_value();
  while (finished.use_count() > 1) std::this_thread::yield();
  EXPECT_EQ(*finished, 0);
}

TEST(HelperThread, SeveralMakeCallsSideBySide) {
  auto helper = HelperThread::Start("several", 3);
  ASSERT_TRUE(helper.ok()) << helper.status();
  std::atomic<int> together = 0;
  std::atomic<int> done = 0;
  for (int i = 0; i < 3; ++i) {
    (*helper)->Submit([&]() -> HelperThread::Finish {
      ++together;
      while (together < 3) std::this_thread::yield();  // each waits for the two others
      return [&] { ++done; };
    });
  }
  while (done < 3) {
    pollfd ready = {.fd = (*helper)->fd(), .events = POLLIN, .revents = 0};
    poll(&ready, 1, -1);
    (*helper)->RunFinished();
  }
}

// The bell is full, so that the thread stands still where it rings: with the lock that it shares with its owner.
TEST(HelperThread, AThreadThatStandsStillWithTheLockHoldsUpNoEnd) {
  auto helper = HelperThread::Start("still");
  ASSERT_TRUE(helper.ok()) << helper.status();
  std::atomic<pid_t> thread = 0;
  bool done = false;
  (*helper)->Submit([&]() -> HelperThread::Finish {
    thread = gettid();
    return [&done] { done = true; };
  });
  while (!done) (*helper)->RunFinished();
  while (StateOf(thread) != 'S') std::this_thread::yield();  // so that it has let go of the lock
  thread = 0;
  const os::UniqueFd bell(fcntl((*helper)->fd(), F_DUPFD_CLOEXEC, 0));
  ASSERT_EQ(fcntl(bell.get(), F_SETFL, 0), 0);
  ASSERT_EQ(eventfd_write(bell.get(), UINT64_MAX - 1), 0);
  (*helper)->Submit([&]() -> HelperThread::Finish {
    thread = gettid();
    return [] {};
  });
  while (thread == 0 || StateOf(thread) != 'S') std::this_thread::yield();

  auto end = std::async(std::launch::async,
                        [&] { (*helper)->WaitUntilIdle(std::chrono::milliseconds(10)); });
  EXPECT_EQ(end.wait_for(std::chrono::seconds(2)), std::future_status::ready);
  eventfd_t rings;
  EXPECT_EQ(eventfd_read(bell.get(), &rings), 0);  // which lets it go on
}

}  // namespace
}  // namespace warp::control
