// Outages: for a while there is no path at all. An application at a Unix gate waits for the end of it, up to the
// deadline, and loses nothing, wherever its payloads were when the last path went.
#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <optional>
#include <thread>

#include "dataplane/os/boot_clock.h"
#include "tests/gates/unix_gate_lab_test.h"

namespace warp::control {
namespace {

using std::chrono::milliseconds;
using wire::Drop;

class OutageTest : public UnixGateLabTest<::testing::TestWithParam<bool>> {
 protected:
  OutageTest() { tunnel_.deadline = std::chrono::seconds(50); }  // longer than any test
  GateLab MakeLab() { return GateLab({"", ""}, tunnel_, /*inline_worker=*/GetParam()); }

  // Runs `application` on a thread of its own. Until it returns, turns the control thread and calls `story` after
  // each turn.
  void Run(GateLab& lab, const std::function<void()>& application,
           const std::function<void()>& story) {
    std::atomic<bool> over = false;
    std::thread thread([&] {
      application();
      over = true;
    });
    lab.TurnUntil([&] {
      story();
      return over.load();
    });
    if (!over) lab.CloseGate();  // the application waits for the gate, so this ends it
    thread.join();
  }
};
INSTANTIATE_TEST_SUITE_P(, OutageTest, testing::Bool(), [](const auto& test) {
  return test.param ? std::string("InlineWorker") : std::string("Workers");
});

// The tunnel does not know that the path is gone, so its payload reaches a worker that finds none.
TEST_P(OutageTest, ASendWaitsWhileThereIsNoPath) {
  GateLab lab = MakeLab();
  const TunnelSender& sender = lab.tunnel().sender();
  lab.TakePathsFromWorkers();
  std::atomic<bool> done = false;
  std::optional<wire::Instant> waits_since;
  bool back = false;
  Run(
      lab,
      [&] {
        UnixApplication app(SOCK_DGRAM, 0);
        ASSERT_EQ(app.Connect(tunnel_.gate.unix_socket->path), 0);
        ASSERT_EQ(app.Send("waits"), 0);
        ASSERT_TRUE(app.Ready(POLLOUT, -1));  // returns once the payload is finished
        done = true;
      },
      [&] {
        if (!waits_since.has_value() && sender.accepted() > 0) waits_since = os::Now();
        if (back || !waits_since.has_value() || os::Now() < *waits_since + milliseconds(20)) return;
        EXPECT_FALSE(done);
        lab.GivePaths();
        back = true;
      });
  EXPECT_TRUE(back);
  EXPECT_EQ(sender.sent(), 1u);
  EXPECT_EQ(lab.Lost(), 0u);
}

// When the paths go, payloads are everywhere: in the gate and in the rings, sealed and unsealed. Some of them are
// fragmented.
TEST_P(OutageTest, NothingIsLostWhilePathsComeAndGo) {
  constexpr int kPayloads = 5000;
  tunnel_.gate.unix_socket->queue = 64;
  GateLab lab = MakeLab();
  bool there = true;
  wire::Instant next_change = os::Now();
  Run(
      lab,
      [&] {
        UnixApplication app(SOCK_DGRAM, 0);
        ASSERT_EQ(app.Connect(tunnel_.gate.unix_socket->path), 0);
        for (int i = 0; i < kPayloads; ++i)
          ASSERT_EQ(app.Send(std::string(i % 10 == 0 ? 5000 : 1000, 'x')), 0);
      },
      [&] {
        if (os::Now() < next_change) return;
        there ? lab.TakePaths() : lab.GivePaths();
        there = !there;
        next_change = os::Now() + milliseconds(1);
      });
  lab.GivePaths();
  // The last payloads may still lie in the gate's socket.
  const TunnelSender& sender = lab.tunnel().sender();
  lab.TurnUntil([&] { return sender.accepted() == kPayloads && sender.idle(); });
  EXPECT_EQ(sender.sent(), static_cast<uint64_t>(kPayloads));
  EXPECT_EQ(lab.Lost(), 0u);
}

}  // namespace
}  // namespace warp::control
