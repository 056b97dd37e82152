// A worker that stands still, as in a driver that hangs. Its port closes when it comes back, and nobody waits for it.
#include <gtest/gtest.h>
#include <pthread.h>
#include <rte_lcore.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <thread>

#include "dataplane/lcore/port/ethdev/lab_port.h"
#include "tests/dataplane/add_port.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

std::atomic<bool> stands{false}, stand{false};

template <typename Condition>
void Await(Condition condition) {
  while (!condition()) std::this_thread::yield();
}

// A thread that turns one worker without a pause, so that it holds a table wherever a signal stops it.
class Worked {
 public:
  Worked(Node& node, WorkerId id)
      : worker_(node.plane().worker(id)), thread_([this] {
          rte_thread_register();
          worker_.Run();
          rte_thread_unregister();
        }) {
    std::signal(SIGUSR1, [](int) {
      stands = true;
      while (stand) usleep(100);
      stands = false;
    });
    const uint64_t before = worker_.heartbeat();
    Await([&] { return worker_.heartbeat() > before; });
  }
  ~Worked() {
    GoOn();
    worker_.Stop();
    thread_.join();
  }
  void StandStill() {
    stand = true;
    pthread_kill(thread_.native_handle(), SIGUSR1);
    Await([] { return stands.load(); });
  }
  void GoOn() {
    stand = false;
    Await([] { return !stands.load(); });
    const uint64_t before = worker_.heartbeat();
    Await([&] { return worker_.heartbeat() > before + 1; });
  }

 private:
  Worker& worker_;
  std::thread thread_;
};

class StoppedWorkerTest : public testing::Test {
 protected:
  absl::StatusOr<PortId> Add(const std::string& name) {
    return AddPort(plane_, {.name = name, .device = VirtualDevice{"net_warp_lab0"}});
  }

  Network net_{{.ports = 2, .workers = 2, .polling = Polling::kBusy}, {.ports = 1}};
  DpdkDataplane& plane_ = net_.a().plane();
  const PortId port_ = net_.a().port(0);
  const std::string name_ = plane_.slot(port_).port->spec().name;
  Worked worked_{net_.a(), plane_.Info(port_).worker};
};

TEST_F(StoppedWorkerTest, ItsPortClosesWhenItComesBack) {
  worked_.StandStill();
  net_.a().SetPresent(0, false);
  net_.a().Publish();
  ASSERT_TRUE(plane_.RemovePort(port_).ok());  // although the worker can hold the port for ever
  EXPECT_NE(plane_.slot(port_).port, nullptr);
  EXPECT_EQ(plane_.RemovePort(port_).code(), absl::StatusCode::kNotFound);
  // However often the port comes and goes meanwhile, it takes no second slot, and is told from one that failed.
  for (int i = 0; i < 20; ++i) {
    const absl::Status again = Add(name_).status();
    EXPECT_EQ(again.code(), absl::StatusCode::kAborted) << again;
  }
  net_.a().Received();
  EXPECT_NE(plane_.slot(port_).port, nullptr);
  worked_.GoOn();
  net_.a().Received();  // as in each turn of control
  EXPECT_EQ(plane_.slot(port_).port, nullptr);
  ASSERT_TRUE(plane_.AwaitPorts(std::chrono::minutes(1)));
  const absl::StatusOr<PortId> again = Add(name_);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again, port_);
}

TEST_F(StoppedWorkerTest, IsTheLastToBeGivenAPort) {
  worked_.StandStill();
  net_.a().SetPresent(0, false);
  net_.a().Publish();
  ASSERT_TRUE(plane_.RemovePort(port_).ok());
  const absl::StatusOr<PortId> other = Add("other");
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_NE(plane_.Info(*other).worker, plane_.slot(port_).worker);
}

}  // namespace
}  // namespace warp::lcore
