#include "control/loop/helper_thread.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <thread>

namespace warp::control {
namespace {

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
  begun.get_future().wait();
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

}  // namespace
}  // namespace warp::control
