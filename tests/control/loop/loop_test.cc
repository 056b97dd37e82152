#include "control/loop/loop.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/loop/signals.h"
#include "dataplane/os/unique_fd.h"
#include "tests/control/loop/socket_pair.h"
#include "tests/control/turning.h"

namespace warp::control {
namespace {

// Every test runs over both back ends.
class LoopTest : public ::testing::TestWithParam<Loop::BackEnd> {
 protected:
  static std::unique_ptr<Loop> MakeLoop() {
    auto loop = Loop::Open(GetParam());
    EXPECT_TRUE(loop.ok()) << loop.status();
    return *std::move(loop);
  }
};
class AsyncSendTest : public LoopTest {};
class SignalsTest : public LoopTest {};

std::string NameOf(const ::testing::TestParamInfo<Loop::BackEnd>& info) {
  return info.param == Loop::BackEnd::kUring ? "uring" : "epoll";
}
constexpr auto kBoth = {Loop::BackEnd::kUring, Loop::BackEnd::kEpoll};
INSTANTIATE_TEST_SUITE_P(Both, LoopTest, ::testing::ValuesIn(kBoth), NameOf);
INSTANTIATE_TEST_SUITE_P(Both, AsyncSendTest, ::testing::ValuesIn(kBoth), NameOf);
INSTANTIATE_TEST_SUITE_P(Both, SignalsTest, ::testing::ValuesIn(kBoth), NameOf);

TEST_P(LoopTest, NamesItsBackEnd) {
  EXPECT_EQ(MakeLoop()->back_end_name(),
            GetParam() == Loop::BackEnd::kUring ? "io_uring" : "epoll");
}

TEST_P(LoopTest, TellsEachReadiness) {
  auto loop = MakeLoop();
  SocketPair pair;
  size_t received = 0;
  Watch watch(*loop, pair.near.get(), POLLIN, [&](uint32_t events) {
    EXPECT_TRUE(events & POLLIN);
    received += pair.Drain();
  });
  for (size_t i = 1; i <= 10; ++i) {
    pair.Send();
    EXPECT_TRUE(TurnUntil(*loop, [&] { return received == i; }));
  }
}

TEST_P(LoopTest, OneDescriptorMayHaveSeveralWatches) {
  auto loop = MakeLoop();
  SocketPair pair;
  bool readable = false, writable = false;
  Watch in(*loop, pair.near.get(), POLLIN, [&](uint32_t) { readable = true; });
  auto out =
      std::make_unique<Watch>(*loop, pair.near.get(), POLLOUT, [&](uint32_t) { writable = true; });
  EXPECT_TRUE(TurnUntil(*loop, [&] { return writable; }));
  EXPECT_FALSE(readable);
  out.reset();
  pair.Send();
  // The end of one watch leaves the other alone.
  EXPECT_TRUE(TurnUntil(*loop, [&] { return readable; }));
}

TEST_P(LoopTest, SaysOnceThatADescriptorCannotBePolled) {
  auto loop = MakeLoop();
  SocketPair pair;
  const int closed = pair.near.get();
  pair.near.Close();
  int told = 0;
  Watch watch(*loop, closed, POLLIN, [&](uint32_t events) {
    EXPECT_EQ(events, static_cast<uint32_t>(POLLNVAL));
    ++told;
  });
  EXPECT_TRUE(TurnUntil(*loop, [&] { return told > 0; }));
  Settle(*loop);
  EXPECT_EQ(told, 1);
}

TEST_P(LoopTest, TellsWhatWasThereBefore) {
  auto loop = MakeLoop();
  SocketPair pair;
  pair.Send();
  bool told = false;
  Watch watch(*loop, pair.near.get(), POLLIN, [&](uint32_t) { told = true; });
  EXPECT_TRUE(TurnUntil(*loop, [&] { return told; }));
}

// An owner may sleep in a poll of its own. It arms the loop, which then wakes it through an eventfd.
TEST_P(LoopTest, AnArmedLoopWritesItsEventfdAndOnlyThen) {
  auto loop = MakeLoop();
  SocketPair pair;
  size_t told = 0;
  Watch watch(*loop, pair.near.get(), POLLIN, [&](uint32_t) { told += pair.Drain(); });
  Settle(*loop);
  const auto woken = [&](int timeout_ms) {
    pollfd ready = {.fd = loop->wake_fd(), .events = POLLIN, .revents = 0};
    return poll(&ready, 1, timeout_ms) == 1;
  };
  pair.Send();
  EXPECT_TRUE(TurnUntil(*loop, [&] { return told == 1; }));
  EXPECT_FALSE(woken(0));  // the loop was not armed

  EXPECT_GT(loop->ArmSleep(std::chrono::seconds(9)), std::chrono::seconds(0));
  pair.Send();
  EXPECT_TRUE(woken(10000));
  loop->DisarmSleep(true);
  EXPECT_TRUE(TurnUntil(*loop, [&] { return told == 2; }));
  EXPECT_FALSE(woken(0));
}

TEST_P(LoopTest, IsNotArmedWhileThereIsSomethingToDo) {
  auto loop = MakeLoop();
  SocketPair pair;
  Watch watch(*loop, pair.near.get(), POLLIN, [&](uint32_t) { pair.Drain(); });
  Settle(*loop);
  pair.Send();
  EXPECT_EQ(loop->ArmSleep(std::chrono::seconds(9)), std::chrono::seconds(0));
  loop->DisarmSleep(false);
  Settle(*loop);
  Timer timer(*loop, [] {});
  timer.Set(std::chrono::seconds(3));
  EXPECT_LE(loop->ArmSleep(std::chrono::seconds(9)), std::chrono::seconds(3));
  loop->DisarmSleep(false);
}

TEST_P(LoopTest, KeepsToTheBudget) {
  auto loop = MakeLoop();
  std::vector<SocketPair> pairs(10);
  size_t told = 0;
  std::vector<std::unique_ptr<Watch>> watches;
  for (SocketPair& pair : pairs) {
    watches.push_back(
        std::make_unique<Watch>(*loop, pair.near.get(), POLLIN, [&](uint32_t) { ++told; }));
    pair.Send();
  }
  loop->Wait(std::chrono::seconds(10));
  EXPECT_EQ(loop->RunOnce(3), 3u);
  EXPECT_EQ(told, 3u);
  EXPECT_TRUE(TurnUntil(*loop, [&] { return told == 10; }));
}

TEST_P(LoopTest, WatchMayDestroyItselfAndOthers) {
  auto loop = MakeLoop();
  SocketPair pairs[3];
  std::unique_ptr<Watch> watches[3];
  size_t told = 0;
  for (size_t i = 0; i < 3; ++i) {
    auto everyone = [&watches, &told, payload = std::string(100, 'x')](uint32_t) {
      ++told;
      for (auto& watch : watches) watch.reset();
      // The callback and what it captured live on while it runs.
      EXPECT_EQ(payload, std::string(100, 'x'));
    };
    watches[i] = std::make_unique<Watch>(*loop, pairs[i].near.get(), POLLIN, everyone);
    pairs[i].Send();
  }
  EXPECT_TRUE(TurnUntil(*loop, [&] { return told > 0; }));
  Settle(*loop);
  EXPECT_EQ(told, 1u);
}

TEST_P(LoopTest, DestroyedWatchLetsGoOfTheFileAtOnce) {
  auto loop = MakeLoop();
  SocketPair pair;
  auto watch = std::make_unique<Watch>(*loop, pair.near.get(), POLLIN, [](uint32_t) {});
  Settle(*loop);
  watch.reset();
  pair.near.Close();
  // The other end must find the socket closed, so the loop must not hold a reference either.
  EXPECT_EQ(send(pair.far.get(), "x", 1, MSG_NOSIGNAL), -1);
}

TEST_P(LoopTest, DestroyedWhileItWakesLetsGoToo) {
  auto loop = MakeLoop();
  SocketPair pair;
  auto watch = std::make_unique<Watch>(*loop, pair.near.get(), POLLIN, [](uint32_t) {});
  Settle(*loop);
  pair.Send();  // wakes the poll, whose completion does not exist yet
  watch.reset();
  pair.near.Close();
  EXPECT_EQ(send(pair.far.get(), "x", 1, MSG_NOSIGNAL), -1);
}

TEST_P(LoopTest, SlotOfADestroyedWatchIsNotMistaken) {
  auto loop = MakeLoop();
  SocketPair old_pair, new_pair;
  bool told_old = false, told_new = false;
  auto old_watch = std::make_unique<Watch>(*loop, old_pair.near.get(), POLLIN,
                                           [&](uint32_t) { told_old = true; });
  old_pair.Send();
  loop->Wait(std::chrono::seconds(10));  // the event of the old watch now waits in the ring
  old_watch.reset();
  Watch new_watch(*loop, new_pair.near.get(), POLLIN, [&](uint32_t) { told_new = true; });
  Settle(*loop);
  EXPECT_FALSE(told_old);
  EXPECT_FALSE(told_new);
}

TEST_P(LoopTest, ManyWatchesComeAndGo) {
  auto loop = MakeLoop();
  for (int round = 0; round < 20; ++round) {
    std::vector<SocketPair> pairs(300);  // the submission queue holds fewer
    std::vector<std::unique_ptr<Watch>> watches;
    size_t told = 0;
    for (SocketPair& pair : pairs) {
      watches.push_back(
          std::make_unique<Watch>(*loop, pair.near.get(), POLLIN, [&](uint32_t) { ++told; }));
      pair.Send();
    }
    EXPECT_TRUE(TurnUntil(*loop, [&] { return told == pairs.size(); }));
  }
}

TEST_P(LoopTest, TimersRunInOrderAndOnce) {
  auto loop = MakeLoop();
  std::string order;
  Timer late(*loop, [&] { order += 'l'; });
  Timer early(*loop, [&] { order += 'e'; });
  Timer never(*loop, [&] { order += 'n'; });
  late.Set(std::chrono::milliseconds(20));
  early.Set(std::chrono::milliseconds(5));
  never.Set(std::chrono::milliseconds(1));
  never.Cancel();
  EXPECT_TRUE(early.running());
  EXPECT_FALSE(never.running());
  EXPECT_TRUE(TurnUntil(*loop, [&] { return order.size() == 2; }));
  Settle(*loop);
  EXPECT_EQ(order, "el");
}

TEST_P(LoopTest, TimerThatSetsItselfDoesNotHoldTheTurn) {
  auto loop = MakeLoop();
  size_t runs = 0;
  std::optional<Timer> timer;
  timer.emplace(*loop, [&] {
    ++runs;
    timer->Set(wire::Duration::zero());
  });
  timer->Set(wire::Duration::zero());
  loop->RunOnce(1);
  EXPECT_EQ(runs, 1u);
  EXPECT_TRUE(TurnUntil(*loop, [&] { return runs == 5; }));
}

TEST_P(LoopTest, WaitEndsWithItsTimerOrTimeout) {
  auto loop = MakeLoop();
  bool due = false;
  Timer timer(*loop, [&] { due = true; });
  timer.Set(std::chrono::milliseconds(10));
  loop->Wait(std::chrono::hours(100));
  while (!due) loop->RunOnce(1);
  loop->Wait(std::chrono::milliseconds(1));
  loop->Wait(std::chrono::milliseconds(-1));
  EXPECT_EQ(loop->RunOnce(1), 0u);
}

TEST_P(LoopTest, TimeStandsStillDuringATurn) {
  auto loop = MakeLoop();
  const wire::Instant begin = loop->BeginTurn();
  while (loop->ReadClock() == begin) {
  }
  Task task(*loop, [&] { EXPECT_EQ(loop->now(), begin); });
  task.Schedule();
  // This is the turn that has begun, so it does not read the clock again.
  EXPECT_EQ(loop->RunOnce(1), 1u);
  EXPECT_EQ(loop->now(), begin);
  loop->RunOnce(1);  // this call begins a turn of its own
  EXPECT_GT(loop->now(), begin);
}

TEST_P(LoopTest, TimeIsReadAnewAfterASleep) {
  auto loop = MakeLoop();
  const wire::Instant begin = loop->BeginTurn();
  loop->Wait(std::chrono::milliseconds(3));
  EXPECT_GE(loop->now(), begin + std::chrono::milliseconds(3));
}

TEST_P(LoopTest, TaskRunsOnceInTheNextTurn) {
  auto loop = MakeLoop();
  int runs = 0;
  std::optional<Task> task;
  task.emplace(*loop, [&] {
    if (++runs < 3) task->Schedule();
  });
  task->Schedule();
  task->Schedule();
  loop->RunOnce(1);
  EXPECT_EQ(runs, 1);
  loop->Wait(std::chrono::hours(1));  // returns at once, because a task waits
  loop->RunOnce(1);
  loop->RunOnce(1);
  loop->RunOnce(1);
  EXPECT_EQ(runs, 3);
}

TEST_P(LoopTest, DestroyedTasksDoNotRun) {
  auto loop = MakeLoop();
  int runs = 0;
  std::optional<Task> second;
  Task first(*loop, [&] {
    ++runs;
    second.reset();
  });
  second.emplace(*loop, [&] { ++runs; });
  first.Schedule();
  second->Schedule();
  for (int i = 0; i < 3; ++i) loop->RunOnce(1);
  EXPECT_EQ(runs, 1);
}

// A node has a timer and a task for each of its tunnels, which may be thousands.
TEST_P(LoopTest, RunsSomeOfManyTimersAndTasksInATurn) {
  auto loop = MakeLoop();
  size_t timed = 0, ran = 0;
  std::vector<std::unique_ptr<Timer>> timers;
  std::vector<std::unique_ptr<Task>> tasks;
  for (int i = 0; i < 150; ++i) {
    timers.push_back(std::make_unique<Timer>(*loop, [&] { ++timed; }));
    timers.back()->SetAt(loop->now());
    tasks.push_back(std::make_unique<Task>(*loop, [&] { ++ran; }));
    tasks.back()->Schedule();
  }
  for (const size_t in_all : {size_t{64}, size_t{128}, size_t{150}}) {
    EXPECT_EQ(loop->ArmSleep(std::chrono::seconds(1)), wire::Duration::zero());
    loop->DisarmSleep(false);
    loop->RunOnce(64);
    EXPECT_EQ(timed, in_all);
    EXPECT_EQ(ran, in_all);
  }
}

TEST_P(AsyncSendTest, SendsAndTells) {
  auto loop = MakeLoop();
  SocketPair pair;
  std::vector<int> results;
  AsyncSend send(*loop, pair.far.get(), [&](int result) { results.push_back(result); });
  for (int i = 1; i <= 3; ++i) {
    send.Send(std::vector<uint8_t>(static_cast<size_t>(i)));
    EXPECT_TRUE(send.busy());
    EXPECT_TRUE(TurnUntil(*loop, [&] { return !send.busy(); }));
  }
  EXPECT_EQ(results, (std::vector<int>{1, 2, 3}));
  pair.near.Close();
  send.Send({1});
  EXPECT_TRUE(TurnUntil(*loop, [&] { return !send.busy(); }));
  EXPECT_EQ(results.back(), -ECONNREFUSED);
}

TEST_P(AsyncSendTest, DestroyedInFlightStillSends) {
  auto loop = MakeLoop();
  SocketPair pair;
  bool told = false;
  {
    AsyncSend send(*loop, pair.far.get(), [&](int) { told = true; });
    send.Send({42});
  }
  size_t received = 0;
  EXPECT_TRUE(TurnUntil(*loop, [&] { return (received += pair.Drain()) == 1; }));
  Settle(*loop);
  EXPECT_FALSE(told);
}

TEST_P(AsyncSendTest, LoopEndsWithItInFlight) {
  SocketPair pair;
  auto loop = MakeLoop();
  auto send = std::make_unique<AsyncSend>(*loop, pair.far.get(), [](int) {});
  send->Send(std::vector<uint8_t>(1000));
  send.reset();
  loop.reset();
  EXPECT_EQ(pair.Drain(), 1u);  // the loop's destructor has waited for the send
}

TEST_P(SignalsTest, ArriveAsEvents) {
  auto loop = MakeLoop();
  std::vector<int> signals;
  auto watch =
      Signals::Open(*loop, {SIGUSR1, SIGUSR2}, [&](int signal) { signals.push_back(signal); });
  ASSERT_TRUE(watch.ok()) << watch.status();
  raise(SIGUSR1);
  EXPECT_TRUE(TurnUntil(*loop, [&] { return signals.size() == 1; }));
  raise(SIGUSR2);
  EXPECT_TRUE(TurnUntil(*loop, [&] { return signals.size() == 2; }));
  EXPECT_EQ(signals, (std::vector<int>{SIGUSR1, SIGUSR2}));
}

TEST_P(SignalsTest, OnlyThoseThatMeanItStopADaemon) {
  auto loop = MakeLoop();
  int stops = 0;
  std::vector<std::string> log;
  auto watch = Signals::OpenForDaemon(
      *loop, [&] { ++stops; }, [&](const std::string& line) { log.push_back(line); });
  ASSERT_TRUE(watch.ok()) << watch.status();
  raise(SIGPIPE);
  raise(SIGHUP);
  EXPECT_TRUE(TurnUntil(*loop, [&] { return log.size() == 1; }));
  raise(SIGUSR2);
  EXPECT_TRUE(TurnUntil(*loop, [&] { return log.size() == 2; }));
  EXPECT_EQ(log, (std::vector<std::string>{
                     "SIGHUP is ignored: no reload: restart to apply a changed configuration",
                     "SIGUSR2 is ignored: it has no meaning here"}));
  EXPECT_EQ(stops, 0);
  raise(SIGTERM);
  EXPECT_TRUE(TurnUntil(*loop, [&] { return stops == 1; }));
  raise(SIGINT);
  EXPECT_TRUE(TurnUntil(*loop, [&] { return stops == 2; }));
}

}  // namespace
}  // namespace warp::control
