// The applications at a benchmark's gates: a sender, a receiver and a prober of latency. Each is a thread pinned to a
// given CPU. They use sockets as any program would.
#ifndef WARP_PERF_GATE_GATE_APP_H_
#define WARP_PERF_GATE_GATE_APP_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include "dataplane/os/unique_fd.h"

namespace warp::perf {

// How a program moves datagrams: one with each call, or in batches of equal size (UDP_SEGMENT out, UDP_GRO in).
enum class Batching : uint8_t { kPlain, kSegments };

// The sockets of one application, with one at each end of each tunnel. The caller makes and connects them.
struct AppSockets {
  std::vector<os::UniqueFd> near;  // sends
  std::vector<os::UniqueFd> far;   // receives
};

// Sends as fast as the sockets take it, one socket after the other, until it is destroyed.
class AppSender {
 public:
  AppSender(const AppSockets& sockets, size_t size, Batching batching, int cpu);
  ~AppSender();
  uint64_t sent() const { return sent_.load(std::memory_order_relaxed); }

 private:
  void Run(Batching batching, int cpu);
  const AppSockets& sockets_;
  std::vector<uint8_t> payload_;
  std::atomic<uint64_t> sent_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// Sends `count` payloads over the sockets in turn, and returns.
void SendRound(const AppSockets& sockets, size_t size, Batching batching, size_t count, int cpu);

// Receives whatever arrives, until it is destroyed.
class AppReceiver {
 public:
  AppReceiver(const AppSockets& sockets, Batching batching, int cpu);
  ~AppReceiver();
  uint64_t received() const { return received_.load(std::memory_order_relaxed); }  // payloads
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  void Run(Batching batching, int cpu);
  const AppSockets& sockets_;
  std::atomic<uint64_t> received_{0}, bytes_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

// Sends a payload at the near end of the first tunnel and waits for it at the far end. Does so `count` times, at
// intervals of `interval_us` (0: back to back). Returns the times, in ns, of the payloads that arrived within a second.
std::vector<uint64_t> ProbeLatency(const AppSockets& sockets, size_t size, size_t count,
                                   uint64_t interval_us, int cpu);

void PinThisThread(int cpu);  // -1 pins it nowhere

}  // namespace warp::perf

#endif  // WARP_PERF_GATE_GATE_APP_H_
