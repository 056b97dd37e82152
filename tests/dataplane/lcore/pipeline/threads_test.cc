// Workers with threads of their own. The rules of sleeping, waking and publishing must hold although nothing is in
// step.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <rte_lcore.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <thread>
#include <vector>

#include "dataplane/lcore/constants.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

// Runs the workers of a node until it goes out of scope.
class Running {
 public:
  explicit Running(Node& node) : node_(node) {
    for (WorkerId id = 0; id < node.plane().workers(); ++id) {
      threads_.emplace_back([&node, id] {
        // A registered thread has caches of the pools.
        rte_thread_register();
        node.plane().worker(id).Run();
        rte_thread_unregister();
      });
    }
  }
  ~Running() {
    for (WorkerId id = 0; id < node_.plane().workers(); ++id) node_.plane().worker(id).Stop();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  Node& node_;
  std::vector<std::thread> threads_;
};

// Yields until the condition holds. The only time limit is that of the test suite.
template <typename Condition>
void Await(Condition condition) {
  while (!condition()) std::this_thread::yield();
}

bool AllAsleep(DpdkDataplane& plane) {
  for (WorkerId id = 0; id < plane.workers(); ++id) {
    if (!plane.IsAsleep(id)) return false;
  }
  return true;
}

// The switch, which the test turns, wires each port of node a to a port of node b.
TEST(Threads, EveryPayloadOnceWhileTablesChange) {
  Network net({.ports = 2, .workers = 2, .ring_size = 1024},
              {.ports = 2, .workers = 2, .ring_size = 1024});
  {
    Running a(net.a()), b(net.b());
    std::map<std::string, int> received;
    constexpr uint64_t kPayloads = 4000;
    // The copies of so many payloads fit a wire or ring, whichever side stands still.
    constexpr uint64_t kUnderWay = 200;
    uint64_t sent = 0, ended = 0;  // `sent` counts payloads, and `ended` counts copies
    Await([&] {
      for (; sent < kPayloads && 4 * sent < ended + 4 * kUnderWay; ++sent) {
        net.a().Send(std::to_string(sent) + std::string(sent % 700, '.'),
                     static_cast<WorkerId>(sent % 2));
        if (sent % 40 == 0) net.a().Publish();
        if (sent % 40 == 20) net.b().Publish();
      }
      net.a().plane().FlushWakeups();
      net.CollectFrames();
      for (; !net.in_flight().empty(); net.in_flight().pop_front()) {
        net.Deliver(net.in_flight().front());
      }
      for (const std::string& payload : net.b().Received()) ++received[payload];
      net.a().Received();
      ended = received.size() + net.b().Drops(wire::Drop::kDuplicate) +
              net.b().Drops(wire::Drop::kOpenedTwice);
      return ended == 4 * kPayloads;
    });
    EXPECT_EQ(received.size(), kPayloads);
    for (const auto& [payload, times] : received) EXPECT_EQ(times, 1) << payload;
    EXPECT_EQ(net.b().Drops(wire::Drop::kUnauthentic), 0u);
  }
  net.a().Received();
  net.b().Received();
  EXPECT_EQ(net.a().BuffersInUse() + net.b().BuffersInUse(), 0u);
}

class SleepersTest : public testing::TestWithParam<Polling> {};

// A sleeping worker must be woken by a payload, by copies of another worker, and by a new table. Its heartbeat goes on.
TEST_P(SleepersTest, Wake) {
  constexpr int kWakes = 50;
  Network net({.ports = 2, .workers = 2, .polling = GetParam()}, {.ports = 1});
  Running a(net.a());
  DpdkDataplane& plane = net.a().plane();
  std::vector<uint64_t> beats_of;  // each turn and each sleep is a beat
  for (int i = 0; i < kWakes; ++i) {
    Await([&] { return AllAsleep(plane); });
    const uint64_t before = plane.Heartbeat(0);
    net.a().Send("wake", static_cast<WorkerId>(i % 2));
    plane.FlushWakeups();
    Await([&] {
      net.CollectFrames();
      return net.in_flight().size() == 2;  // one frame through each worker
    });
    net.in_flight().clear();
    Await([&] { return AllAsleep(plane); });
    beats_of.push_back(plane.Heartbeat(0) - before);
  }
  // A late test thread lets the worker nap and wake meanwhile, so quartiles are compared.
  std::sort(beats_of.begin(), beats_of.end());
  if (GetParam() == Polling::kAdaptive) {
    EXPECT_GE(beats_of[kWakes * 3 / 4], kIdleTurns);
  } else {
    EXPECT_LT(beats_of[kWakes / 4], kIdleTurns);
  }
  const uint64_t beats = plane.Heartbeat(0);
  Await([&] { return plane.Heartbeat(0) > beats + 2; });
  net.a().SetPresent(0, false);
  net.a().Publish();
  EXPECT_TRUE(plane.RemovePort(net.a().port(0)).ok());  // works although its worker sleeps
}
INSTANTIATE_TEST_SUITE_P(Polling, SleepersTest,
                         testing::Values(Polling::kAdaptive, Polling::kInterrupt),
                         [](const auto& its) {
                           return its.param == Polling::kAdaptive ? "Adaptive" : "Interrupt";
                         });

// Control sleeps in poll and is rung when something arrives. It is not told to sleep while something waits.
TEST(Threads, ControlIsRung) {
  Network net({.ports = 1}, {.ports = 1});
  Running b(net.b());
  DpdkDataplane& plane = net.b().plane();
  for (int i = 0; i < 50; ++i) {
    net.a().Send("ring");
    net.a().Turn();
    net.CollectFrames();
    const bool armed = plane.ArmSleep();
    ASSERT_TRUE(armed);
    for (; !net.in_flight().empty(); net.in_flight().pop_front())
      net.Deliver(net.in_flight().front());
    pollfd fd = {.fd = plane.wake_fd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&fd, 1, -1), 1);
    EXPECT_FALSE(plane.ArmSleep());
    plane.Disarm();
    EXPECT_EQ(net.b().Received().size(), 1u);
    EXPECT_EQ(poll(&fd, 1, 0), 0);
  }
}

// Without a worker thread, control's own turns move everything. What control has given the worker keeps it from
// sleeping.
TEST(InlineWorker, MovesAndSleepsInTheCallersThread) {
  Network net({.ports = 1, .inline_worker = true}, {.ports = 1});
  DpdkDataplane& plane = net.a().plane();
  ASSERT_TRUE(plane.Launch().ok());
  EXPECT_TRUE(plane.ArmSleep());
  plane.Disarm();
  net.a().Send("out");
  EXPECT_FALSE(plane.ArmSleep());
  EXPECT_EQ(plane.TurnInlineWorker(), 1u);
  net.CollectFrames();
  EXPECT_EQ(net.in_flight().size(), 1u);
  while (plane.TurnInlineWorker() > 0) continue;
  EXPECT_TRUE(plane.ArmSleep());
  const int bell = eventfd(1, EFD_CLOEXEC);
  EXPECT_TRUE(plane.Wait(bell, std::chrono::hours(1)));
  close(bell);
  plane.Disarm();
  net.a().SetPresent(0, false);
  net.a().Publish();
  // The worker holds nothing between its turns.
  EXPECT_TRUE(plane.RemovePort(net.a().port(0)).ok());
  // The other node's worker may have a thread, so it is not turned here.
  EXPECT_EQ(net.b().plane().TurnInlineWorker(), 0u);
}

}  // namespace
}  // namespace warp::lcore
