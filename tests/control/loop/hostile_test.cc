// What a loop meets when its users, or the system, are at their worst. Both back ends have to bear it alike.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "control/loop/loop.h"
#include "dataplane/os/unique_fd.h"
#include "tests/control/loop/socket_pair.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

// The process has no descriptor left for as long as this lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0);
    const rlimit none{0, before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  }
  ~NoDescriptors() { EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before_), 0); }

 private:
  rlimit before_{};
};

class HostileLoopTest : public ::testing::TestWithParam<Loop::BackEnd> {
 protected:
  HostileLoopTest() {
    auto loop = Loop::Open(GetParam());
    EXPECT_TRUE(loop.ok()) << loop.status();
    loop_ = *std::move(loop);
  }
  std::unique_ptr<Loop> loop_;
};

std::string NameOf(const ::testing::TestParamInfo<Loop::BackEnd>& info) {
  return info.param == Loop::BackEnd::kUring ? "uring" : "epoll";
}
constexpr auto kBoth = {Loop::BackEnd::kUring, Loop::BackEnd::kEpoll};
INSTANTIATE_TEST_SUITE_P(Both, HostileLoopTest, ::testing::ValuesIn(kBoth), NameOf);

// --- Descriptors that are refused, closed and used again. ---

TEST_P(HostileLoopTest, AWatchThatWasRefusedTakesNobodyElseWithIt) {
  SocketPair pair;
  bool told = false;
  Watch watch(*loop_, pair.near.get(), POLLIN, [&](uint32_t) { told = true; });
  {
    const NoDescriptors none;  // epoll needs one for a second watch
    Watch second(*loop_, pair.near.get(), POLLOUT, [](uint32_t) {});
    Settle(*loop_);
  }
  pair.Send();
  EXPECT_TRUE(TurnUntil(*loop_, [&] { return told; }));
}

TEST_P(HostileLoopTest, TheNumberOfARefusedDescriptorMayBeUsedAgain) {
  SocketPair pair;
  const int number = pair.near.get();
  const os::UniqueFd kept(fcntl(number, F_DUPFD_CLOEXEC, number + 1));
  pair.near.Close();
  auto refused = std::make_unique<Watch>(*loop_, number, POLLIN, [](uint32_t) {});
  Settle(*loop_);
  const os::UniqueFd again(dup2(kept.get(), number));
  bool told = false;
  Watch watch(*loop_, number, POLLIN, [&](uint32_t) { told = true; });
  refused.reset();
  pair.Send();
  EXPECT_TRUE(TurnUntil(*loop_, [&] { return told; }));
}

TEST_P(HostileLoopTest, TellsNothingThatNobodyAskedFor) {
  SocketPair pair(SOCK_STREAM);
  std::vector<uint32_t> told;
  Watch watch(*loop_, pair.near.get(), POLLOUT, [&](uint32_t events) { told.push_back(events); });
  Settle(*loop_);
  shutdown(pair.far.get(), SHUT_WR);  // the far end goes on reading
  Settle(*loop_);
  for (const uint32_t events : told) EXPECT_EQ(events, static_cast<uint32_t>(POLLOUT));
}

TEST_P(HostileLoopTest, MoreEventsThanTheRingHolds) {
  SocketPair pair;
  constexpr size_t kWatches = 9000;
  size_t told = 0;
  std::vector<std::unique_ptr<Watch>> watches;
  for (size_t i = 0; i < kWatches; ++i) {
    watches.push_back(
        std::make_unique<Watch>(*loop_, pair.near.get(), POLLIN, [&](uint32_t) { ++told; }));
  }
  Settle(*loop_);
  for (size_t round = 1; round <= 3; ++round) {
    told = 0;
    pair.Send();
    EXPECT_TRUE(TurnUntil(*loop_, [&] { return told >= kWatches; })) << told;
    Settle(*loop_);
  }
}

// --- Sends. ---

TEST_P(HostileLoopTest, TheSocketOfASendMayBeClosedAndItsNumberUsedAgain) {
  for (int i = 0; i < 100; ++i) {
    SocketPair pair, other;
    const int number = pair.far.get();
    {
      AsyncSend send(*loop_, number, [](int) {});
      send.Send({42});
    }
    ASSERT_EQ(dup2(other.far.get(), number), number);
    EXPECT_TRUE(TurnUntil(*loop_, [&] { return pair.Drain() == 1; }));
    ASSERT_EQ(other.Drain(), 0u);
  }
}

TEST_P(HostileLoopTest, WaitsAtItsEndForEverySend) {
  constexpr size_t kSends = 16;
  std::vector<SocketPair> pairs;
  for (size_t i = 0; i < kSends; ++i) {
    SocketPair& pair = pairs.emplace_back(SOCK_DGRAM);
    while (send(pair.far.get(), "f", 1, MSG_DONTWAIT) == 1) {
    }
    AsyncSend(*loop_, pair.far.get(), [](int) {}).Send({'s'});
  }
  std::atomic<size_t> arrived = 0;
  std::thread reader([&] {
    for (SocketPair& pair : pairs) {
      const timeval patience{.tv_sec = 5, .tv_usec = 0};
      setsockopt(pair.near.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
      char byte = 0;
      while (recv(pair.near.get(), &byte, 1, 0) == 1 && byte != 's') {
      }
      if (byte == 's') ++arrived;
    }
  });
  loop_.reset();
  reader.join();
  EXPECT_EQ(arrived, kSends);
}

TEST_P(HostileLoopTest, ASendThatFindsNoDescriptorIsRefused) {
  SocketPair pair;
  std::vector<int> results;
  AsyncSend send(*loop_, pair.far.get(), [&](int result) { results.push_back(result); });
  {
    const NoDescriptors none;
    send.Send({1});
    EXPECT_TRUE(TurnUntil(*loop_, [&] { return !send.busy(); }));
  }
  send.Send({2});
  EXPECT_TRUE(TurnUntil(*loop_, [&] { return !send.busy(); }));
  ASSERT_EQ(results.size(), 2u);
  EXPECT_LT(results[0], 0);
  EXPECT_EQ(results[1], 1);
}

// --- Time. ---

TEST_P(HostileLoopTest, ATimerThatSetsItselfRunsOnceATurnAmongOthers) {
  size_t runs = 0;
  std::optional<Timer> eager;
  eager.emplace(*loop_, [&] {
    ++runs;
    eager->SetAt(loop_->now() - std::chrono::seconds(1));
  });
  size_t others = 0;
  std::vector<std::unique_ptr<Timer>> timers;
  for (int i = 0; i < 10; ++i) {
    timers.push_back(std::make_unique<Timer>(*loop_, [&] { ++others; }));
    timers.back()->SetAt(loop_->now());
  }
  eager->Set(-std::chrono::seconds(1));
  EXPECT_EQ(loop_->RunOnce(1), 11u);
  EXPECT_EQ(runs, 1u);
  EXPECT_EQ(others, 10u);
}

TEST_P(HostileLoopTest, ATimerMayCancelThoseThatAreDueWithIt) {
  std::string order;
  std::optional<Timer> second, third;
  Timer first(*loop_, [&] {
    order += '1';
    second.reset();
    third->Set(std::chrono::hours(1));
  });
  second.emplace(*loop_, [&] { order += '2'; });
  third.emplace(*loop_, [&] { order += '3'; });
  first.Set(std::chrono::nanoseconds(-3));
  second->Set(std::chrono::nanoseconds(-2));
  third->Set(std::chrono::nanoseconds(-1));
  EXPECT_EQ(loop_->RunOnce(1), 1u);
  loop_->RunOnce(1);
  EXPECT_EQ(order, "1");
  EXPECT_TRUE(third->running());
}

TEST_P(HostileLoopTest, TheLongestTimeIsNever) {
  bool ran = false;
  Timer timer(*loop_, [&] { ran = true; });
  timer.Set(wire::Duration::max());
  loop_->RunOnce(1);
  EXPECT_FALSE(ran);
  EXPECT_GT(loop_->ArmSleep(std::chrono::seconds(1)), wire::Duration::zero());
  loop_->DisarmSleep(false);
}

}  // namespace
}  // namespace warp::control
