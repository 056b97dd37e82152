// The promise of a Unix gate, checked by time stamps: send(k) returns only after payload k-1 was sent, and a
// connected application that polls for POLLOUT learns only after payload k was sent that it was. The port refuses
// every packet for 20 ms and then takes one, at a moment that the test writes down. A call that returned before that
// moment broke the promise.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <thread>

#include "dataplane/os/boot_clock.h"
#include "tests/gates/unix_gate_lab_test.h"

namespace warp::control {
namespace {

constexpr std::chrono::milliseconds kInterval{20};
constexpr int kSends = 250;  // in each of the four cases, hence a thousand in all

// Notes moments, from several threads.
class Log {
 public:
  void Note() {
    const std::lock_guard lock(mutex_);
    moments_.push_back(os::Now());
  }
  // Returns the moments in the order of their time stamps.
  std::vector<wire::Instant> Sorted() {
    const std::lock_guard lock(mutex_);
    std::sort(moments_.begin(), moments_.end());
    return moments_;
  }

 private:
  std::mutex mutex_;
  std::vector<wire::Instant> moments_;
};

struct Case {
  int clients = 1;
  bool blocking = true;
};

class UnixPromiseTest : public UnixGateLabTest<::testing::TestWithParam<Case>> {
 protected:
  UnixPromiseTest() { tunnel_.deadline = std::chrono::seconds(50); }  // longer than the test
  void RunClient(int sends) {
    UnixApplication app(SOCK_DGRAM, GetParam().blocking ? 0 : SOCK_NONBLOCK);
    ASSERT_EQ(app.Connect(tunnel_.gate.unix_socket->path), 0);
    for (int i = 0; i < sends; ++i) {
      int error = app.Send(std::string(100 + static_cast<size_t>(i), 'x'));
      for (; error == EAGAIN; error = app.Send("x")) app.Ready(POLLOUT, -1);
      ASSERT_EQ(error, 0);
      returned_.Note();
      if (GetParam().blocking) continue;
      ASSERT_TRUE(app.Ready(POLLOUT, -1));
      writable_.Note();
    }
  }

  Log granted_, returned_, writable_;
};

TEST_P(UnixPromiseTest, ASendReturnsNoSoonerThanItMay) {
  GateLab lab({",rate=0"}, tunnel_);
  std::atomic<bool> over = false;
  std::thread port([&] {
    while (!over) {
      std::this_thread::sleep_for(kInterval);
      granted_.Note();
      lab.Grant(0);
    }
  });
  std::vector<std::function<void()>> clients(static_cast<size_t>(GetParam().clients),
                                             [this] { RunClient(kSends / GetParam().clients); });
  lab.TurnWhile(clients);
  over = true;
  port.join();

  // The port took packet j (from 0) no sooner than it was granted.
  const std::vector<wire::Instant> granted = granted_.Sorted();
  const std::vector<wire::Instant> returned = returned_.Sorted();
  const std::vector<wire::Instant> writable = writable_.Sorted();
  ASSERT_EQ(returned.size(), static_cast<size_t>(kSends));
  int violations = 0;
  for (size_t k = 1; k < returned.size(); ++k) violations += returned[k] < granted[k - 1] ? 1 : 0;
  for (size_t k = 0; k < writable.size(); ++k) violations += writable[k] < granted[k] ? 1 : 0;
  EXPECT_EQ(violations, 0);
  EXPECT_EQ(writable.size(), GetParam().blocking ? 0u : returned.size());
  EXPECT_EQ(lab.tunnel().sender().drops().Get(wire::Drop::kDeadline), 0u);
}

INSTANTIATE_TEST_SUITE_P(, UnixPromiseTest,
                         testing::Values(Case{1, true}, Case{5, true}, Case{1, false},
                                         Case{5, false}),
                         [](const auto& test) {
                           return (test.param.clients == 1 ? std::string("OneClient")
                                                           : std::string("FiveClients")) +
                                  (test.param.blocking ? "Blocking" : "Polling");
                         });

}  // namespace
}  // namespace warp::control
