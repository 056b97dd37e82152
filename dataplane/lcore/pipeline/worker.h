// A worker: the loop of one lcore over its ports. RunOnce is its table of contents; the stages are those of Ingress and
// Egress, which work over one Turn.
#ifndef WARP_DATAPLANE_LCORE_PIPELINE_WORKER_H_
#define WARP_DATAPLANE_LCORE_PIPELINE_WORKER_H_

#include <poll.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include "dataplane/lcore/exchange/exchange.h"
#include "dataplane/lcore/exchange/publisher.h"
#include "dataplane/lcore/memory/pool.h"
#include "dataplane/lcore/pipeline/in/first_table.h"
#include "dataplane/lcore/pipeline/in/ingress.h"
#include "dataplane/lcore/pipeline/out/egress.h"
#include "dataplane/lcore/pipeline/turn/turn.h"
#include "dataplane/wire/crypto/aead.h"

namespace warp::lcore {

class Worker {
 public:
  // What all workers of a dataplane have in common; it outlives them.
  struct Context {
    Publisher* publisher = nullptr;
    Exchange* exchange = nullptr;
    FirstTable* firsts = nullptr;
    uint16_t max_ports = 0;
  };
  Worker(WorkerId id, const Context& context, std::unique_ptr<wire::AeadEngine> engine,
         PoolPtr header_pool, Polling polling);

  // The lcore's main function: turns until Stop, which any thread may call.
  void Run();
  void Stop();
  // One turn; returns how many packets it moved. Run calls it, or a thread that has the worker without an lcore.
  uint32_t RunOnce();
  // The thread that turns a worker without an lcore brackets a series of turns by these. The worker holds nothing of a
  // table outside of them, so that nobody waits for it.
  void BeginTurns() { turn_.reader().Online(); }
  void EndTurns() { turn_.reader().Offline(); }
  // Serves a worker without an lcore, after a turn that moved nothing. Sleeps until a frame arrives, `fd` is readable,
  // or the time is up. Returns true if `fd` is readable. To be called on the thread that fills this worker's rings and
  // publishes its tables.
  bool Wait(int fd, std::chrono::nanoseconds timeout);

  // --- Any thread. ---
  uint64_t heartbeat() const { return heartbeat_.Get(); }
  bool asleep() const { return asleep_.load(std::memory_order_relaxed); }
  uint64_t Drops(wire::Drop drop) const { return turn_.Drops(drop); }
  const rte_mempool* header_pool() const { return egress_.header_pool(); }
  absl::string_view engine_name() const { return turn_.engine_name(); }
  const StageClock& stages() const { return turn_.stages(); }
  // Benchmarks and tests, while no other thread runs the worker.
  StageClock& stages() { return turn_.stages(); }

 private:
  void Rest();
  void Sleep();
  void WatchPorts(int other_fd);
  void WaitForWork(std::chrono::nanoseconds limit);

  const WorkerId id_;
  Lane& lane_;
  const bool spin_;            // the worker never sleeps
  const uint32_t idle_turns_;  // empty turns before it sleeps
  const uint16_t workers_;     // the number of workers of the dataplane

  // This thread's, but for what each says of its counters.
  Turn turn_;
  Ingress ingress_;
  Egress egress_;

  // What a sleeping worker watches: first the bell (or the other descriptor), and then the ports' descriptors.
  std::vector<pollfd> watch_;
  nfds_t watched_ = 0;
  // True if a port's interface went down or away, so that its error must be taken off the socket.
  bool poll_failed_ = false;
  bool nap_ = false;  // some port has no descriptor

  Counter heartbeat_;  // this thread writes, any reads
  std::atomic<bool> asleep_{false};
  std::atomic<bool> stop_{false};  // any thread writes
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PIPELINE_WORKER_H_
