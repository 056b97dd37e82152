#include "dataplane/os/signals.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <thread>

namespace warp::os {
namespace {

bool Blocked(int signal) {
  sigset_t mask;
  pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  return sigismember(&mask, signal) == 1;
}

bool Readable(int fd) {
  pollfd entry = {.fd = fd, .events = POLLIN, .revents = 0};
  return poll(&entry, 1, 0) == 1;
}

TEST(Signals, SetsHoldWhatTheyAreTold) {
  const sigset_t set = SignalSet({SIGUSR1, SIGTERM});
  EXPECT_EQ(sigismember(&set, SIGUSR1), 1);
  EXPECT_EQ(sigismember(&set, SIGTERM), 1);
  EXPECT_EQ(sigismember(&set, SIGUSR2), 0);
  const sigset_t all = AllSignals();
  EXPECT_EQ(sigismember(&all, SIGUSR2), 1);
}

// A thread that blocks what its own fault sends it is ended, whoever handles that.
TEST(Signals, AThreadIsToldOfItsOwnFaults) {
  const sigset_t all = AllSignals();
  for (const int fault : {SIGBUS, SIGFPE, SIGILL, SIGSEGV})
    EXPECT_EQ(sigismember(&all, fault), 0) << fault;
}

TEST(Signals, StrayOnesAreNoneThatMeanTheEnd) {
  const sigset_t stray = StraySignals();
  for (const int signal : {SIGHUP, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGRTMIN, SIGRTMAX}) {
    EXPECT_EQ(sigismember(&stray, signal), 1) << signal;
  }
  for (const int signal : {SIGTERM, SIGINT, SIGQUIT, SIGSEGV, SIGBUS, SIGABRT, SIGTSTP, SIGCHLD}) {
    EXPECT_EQ(sigismember(&stray, signal), 0) << signal;
  }
}

TEST(Signals, AreBlockedForAsLongAsTheObjectLives) {
  ASSERT_FALSE(Blocked(SIGUSR1));
  {
    const BlockedSignals outer(SignalSet({SIGUSR1}));
    EXPECT_TRUE(Blocked(SIGUSR1));
    { const BlockedSignals inner(SignalSet({SIGUSR1, SIGUSR2})); }
    EXPECT_TRUE(Blocked(SIGUSR1));  // as it was before the inner one
    EXPECT_FALSE(Blocked(SIGUSR2));
    bool inherited = false;
    std::thread([&] { inherited = Blocked(SIGUSR1); }).join();
    EXPECT_TRUE(inherited);
  }
  EXPECT_FALSE(Blocked(SIGUSR1));
}

TEST(Signals, BlockSignalsGivesTheMaskOfBefore) {
  const sigset_t before = BlockSignals(SignalSet({SIGUSR2}));
  EXPECT_EQ(sigismember(&before, SIGUSR2), 0);
  EXPECT_TRUE(Blocked(SIGUSR2));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_FALSE(Blocked(SIGUSR2));
}

TEST(Signals, AreReadOnceEach) {
  const BlockedSignals blocked(SignalSet({SIGUSR1, SIGUSR2}));
  const absl::StatusOr<SignalFd> signals = SignalFd::Open(SignalSet({SIGUSR1}));
  ASSERT_TRUE(signals.ok()) << signals.status();
  EXPECT_FALSE(Readable(signals->fd()));
  EXPECT_EQ(signals->Read(), std::nullopt);  // does not wait

  pthread_kill(pthread_self(), SIGUSR1);
  pthread_kill(pthread_self(), SIGUSR2);
  EXPECT_TRUE(Readable(signals->fd()));
  const std::optional<signalfd_siginfo> first = signals->Read();
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->ssi_signo, static_cast<uint32_t>(SIGUSR1));
  EXPECT_EQ(signals->Read(), std::nullopt);  // the other one was not asked for

  // The pending signal would end the process as soon as it is not blocked any more.
  const absl::StatusOr<SignalFd> rest = SignalFd::Open(SignalSet({SIGUSR2}));
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_TRUE(rest->Read().has_value());
}

}  // namespace
}  // namespace warp::os
