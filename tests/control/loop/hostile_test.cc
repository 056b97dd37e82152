// What a loop meets when its users, or the system, are at their worst. Both back ends have to bear it alike.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "control/loop/epoll_poller.h"
#include "control/loop/loop.h"
#include "control/loop/uring_poller.h"
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

// Passes everything on, but the kernel has no memory for the first polls.
class ShortOfMemory : public Poller {
 public:
  ShortOfMemory(std::unique_ptr<Poller> poller, size_t failures)
      : poller_(std::move(poller)), failures_(failures) {}
  void AddPoll(uint64_t id, int fd, uint32_t events) override {
    ++polls_;
    if (failures_ == 0) return poller_->AddPoll(id, fd, events);
    --failures_;
    failed_.push_back({.id = id, .result = -ENOMEM});
  }
  void RemovePoll(uint64_t id, int fd) override { poller_->RemovePoll(id, fd); }
  void StartSend(uint64_t id, int fd, std::vector<uint8_t> bytes) override {
    poller_->StartSend(id, fd, std::move(bytes));
  }
  size_t Take(std::span<Event> events) override {
    if (failed_.empty()) return poller_->Take(events);
    events[0] = failed_.back();
    failed_.pop_back();
    return 1;
  }
  bool HasEvents() const override { return !failed_.empty() || poller_->HasEvents(); }
  void Sleep(wire::Duration time) override {
    if (failed_.empty()) poller_->Sleep(time);
  }
  void Arm() override { poller_->Arm(); }
  void Disarm(bool woken) override { poller_->Disarm(woken); }
  int wake_fd() const override { return poller_->wake_fd(); }
  size_t polls() const { return polls_; }

 private:
  const std::unique_ptr<Poller> poller_;
  size_t failures_, polls_ = 0;
  std::vector<Event> failed_;
};

// It is told what became ready meanwhile, and people are told once.
TEST_P(HostileLoopTest, AWatchIsMadeAgainWhenTheKernelHasMemory) {
  std::unique_ptr<Poller> poller;
  if (GetParam() == Loop::BackEnd::kUring) {
    poller = *UringPoller::Open();
  } else {
    poller = *EpollPoller::Open();
  }
  auto own = std::make_unique<ShortOfMemory>(std::move(poller), 3);
  const ShortOfMemory& system = *own;
  const std::unique_ptr<Loop> loop = Loop::Create(std::move(own));
  std::vector<std::string> warnings;
  loop->set_warn([&](const std::string& warning) { warnings.push_back(warning); });
  SocketPair pair, other;
  size_t told = 0;
  Watch watch(*loop, pair.near.get(), POLLIN, [&](uint32_t events) {
    EXPECT_EQ(events, static_cast<uint32_t>(POLLIN));
    ++told;
  });
  {
    Watch gone(*loop, other.near.get(), POLLIN, [](uint32_t) { FAIL(); });
    loop->RunOnce(64);
    other.Send();
  }
  pair.Send();
  EXPECT_TRUE(TurnUntil(*loop, [&] { return told == 1; }));
  EXPECT_EQ(system.polls(), 4u);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(
      warnings[0],
      "the event loop cannot watch a descriptor now, and tries again: Cannot allocate memory");
}

TEST_P(HostileLoopTest, AWatchThatFoundNoDescriptorComesWhenThereIsOne) {
  SocketPair pair;
  Watch watch(*loop_, pair.near.get(), POLLIN, [](uint32_t) {});
  bool told = false;
  std::optional<Watch> second;
  {
    const NoDescriptors none;
    second.emplace(*loop_, pair.near.get(), POLLOUT, [&](uint32_t events) {
      EXPECT_EQ(events, static_cast<uint32_t>(POLLOUT));
      told = true;
    });
    Settle(*loop_);
  }
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
