// Two nodes whose busy workers have threads of their own, and traffic between them. syscalls_test.py watches the
// threads from outside. Node a also has a null port, so that some copies go by reference.
//
// Standard output: `worker TID` for each worker, `begin` once packets flow, and `end` while they still do.
#include <gtest/gtest.h>
#include <rte_lcore.h>
#include <unistd.h>

#include <atomic>
#include <iostream>
#include <thread>

#include "dataplane/lcore/memory/eal.h"
#include "dataplane/wire/crypto/keys.h"
#include "tests/dataplane/lcore/network.h"

namespace warp::lcore {
namespace {

constexpr uint64_t kWarmUp = 500;
constexpr uint64_t kWatched = 3000;
constexpr uint64_t kUnderWay = 100;  // payloads under way at once; their copies fit a ring

class Running {
 public:
  explicit Running(Worker* worker)
      : worker_(*worker), thread_([this] {
          rte_thread_register();
          tid_ = gettid();
          worker_.Run();
          rte_thread_unregister();
        }) {
    while (tid_ == 0) std::this_thread::yield();
  }
  ~Running() {
    worker_.Stop();
    thread_.join();
  }
  pid_t tid() const { return tid_; }

 private:
  Worker& worker_;
  std::atomic<pid_t> tid_{0};
  std::thread thread_;
};

// Writes the line with one system call, which strace shows to the other side of the test.
void Say(const std::string& line) {
  const std::string text = line + "\n";
  if (write(STDOUT_FILENO, text.data(), text.size()) < 0) std::abort();
}

void Run() {
  Network net(
      {.ports = 2, .ring_size = 1024, .device = "net_null0,no-rx=1", .polling = Polling::kBusy},
      {.ports = 2, .ring_size = 1024, .polling = Polling::kBusy});
  Running a(&net.a().plane().worker(0)), b(&net.b().plane().worker(0));
  Say("worker " + std::to_string(a.tid()));
  Say("worker " + std::to_string(b.tid()));
  uint64_t sent = 0, received = 0, copies = 0;
  bool begun = false;
  while (copies < 2 * (kWarmUp + kWatched + 2 * kUnderWay)) {
    for (; 2 * sent < copies + 2 * kUnderWay; ++sent) {
      net.a().SendTracked(std::string(1 + sent * 7 % 1400, 's'), static_cast<uint32_t>(sent), 0);
    }
    net.CollectFrames();
    for (; !net.in_flight().empty(); net.in_flight().pop_front()) {
      net.Deliver(net.in_flight().front());
    }
    received += net.b().Received().size();
    copies = received + net.b().Drops(wire::Drop::kDuplicate);
    net.a().Completions();
    if (!begun && received > kWarmUp) {
      begun = true;
      Say("begin");
    }
  }
  Say("end");
}

}  // namespace
}  // namespace warp::lcore

int main() {
  using warp::lcore::InitEal;
  if (!warp::wire::InitCrypto().ok()) return 1;
  if (absl::Status status = InitEal({.worker_cpus = {-1}, .memory_mib = 768}); !status.ok()) {
    std::cerr << status << "\n";
    return 1;
  }
  warp::lcore::Run();
  return testing::UnitTest::GetInstance()->ad_hoc_test_result().Failed() ? 1 : 0;
}
