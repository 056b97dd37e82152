// A worker: the loop of one lcore over its ports. Its stages stand in the order of a packet's
// journey, one per file, with the numbers of docs/packet-journey.md:
//
//   in    1 rx.cc         receive, parse, linearise; ours or the kernel's
//         2 classify.cc   sealed, handshake or neither; session and path
//           look.cc       the window, before any cryptography
//           defer.cc      not what another lcore is opening at this moment
//         3 open.cc       authenticate and decrypt, as a burst; 4 claim
//         5 deliver.cc    to control
//   out   3 seal.cc       take from control, seal once, in place, as a burst
//         4 replicate.cc  a copy for every path
//         5 tx.cc         to the ports
//         6 completion.cc what became of it, to control
//
// Every field belongs to the worker's thread, but for the counters (this thread writes, any reads)
// and what is said to be shared.
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
#include "dataplane/lcore/pipeline/in/skew_table.h"
#include "dataplane/lcore/pipeline/out/tx_queue.h"
#include "dataplane/lcore/pipeline/turn/burst.h"
#include "dataplane/lcore/pipeline/turn/stage_clock.h"
#include "dataplane/wire/crypto/aead.h"
#include "dataplane/wire/message.h"

namespace warp::lcore {

class Worker {
 public:
  struct Shared {
    Publisher* publisher = nullptr;
    Exchange* exchange = nullptr;
    SkewTable* skew = nullptr;
    uint16_t max_ports = 0;
  };
  Worker(WorkerId id, const Shared& shared, std::unique_ptr<wire::AeadEngine> engine,
         PoolPtr header_pool, Polling polling);
  ~Worker();

  // The lcore's main function: turns until Stop, which any thread may call.
  void Run();
  void Stop();
  // One turn; returns how many packets it moved. Run calls it, and whoever turns a worker without a
  // thread.
  uint32_t RunOnce();
  // Without a thread, after a turn that moved nothing: sleeps until a frame arrives, `fd` is
  // readable, or the time is up. Whether `fd` is.
  bool Wait(int fd, std::chrono::nanoseconds timeout);

  // Any thread.
  uint64_t heartbeat() const { return heartbeat_.Get(); }
  bool asleep() const { return asleep_.load(std::memory_order_relaxed); }
  uint64_t Drops(wire::Drop drop) const { return drops_.Get(drop); }
  const rte_mempool* header_pool() const { return header_pool_.get(); }
  absl::string_view engine_name() const { return engine_->name(); }
  const StageClock& stages() const { return stages_; }
  // Benchmarks and tests, while nobody else turns the worker.
  StageClock& stages() { return stages_; }

 private:
  // --- In. ---
  void Receive(const PortView& port);
  void Classify(const PortView& port);
  void OpenNew(const PortView& port, bool defer);  // the next five
  bool Look(const PortView& port);
  void Defer(const PortView& port);
  void Open(const PortView& port);
  void Claim(const PortView& port);
  void Deliver(const PortView& port);
  void Revisit();

  void Sort(const PortView& port, rte_mbuf* frame);
  bool FindReceiveSession(const PortView& port, uint32_t receiver_index, InPacket* packet) const;
  bool IsOurs(const PortView& port, const wire::UdpFrame& udp) const;
  void Foreign(const PortView& port, rte_mbuf* frame);
  void Unsealed(const PortView& port, const InPacket& packet, wire::Bytes datagram);
  void Handshake(const PortView& port, const InPacket& packet, wire::MessageType type);
  void MeasureSkew(const InPacket& packet);
  uint64_t RoomInControl(const PortView& port) const;
  void GiveToControl(const PortView& port, Ring<rte_mbuf*>& ring, std::span<rte_mbuf*> packets);

  // --- Out. ---
  void SendFrames();
  bool TakePayloads();
  bool TakeLegs(WorkerId from);
  void Seal();
  void Spread();
  void Replicate();
  void Transmit();
  void Complete();
  void SendCopies();  // the three above

  void FindSendSession(OutJob* job) const;
  wire::Drop Obstacle(const OutJob& job) const;
  void ReserveCounters();
  void PushLegs();
  bool SpreadJob(OutJob* job);
  void ReplicateRun(uint16_t first, uint16_t last);
  void CountReferences(const Leg& leg, OutJob* job);
  void ReleaseReference(OutJob* job);
  bool SendInPlace(const Copy& copy, uint16_t index);
  void SendReferences(const Copy& copy, std::span<const uint16_t> jobs);
  void SendLinear(const Copy& copy, std::span<const uint16_t> jobs);
  size_t TakeHeaders(std::span<rte_mbuf*> headers);
  void LoseCopy(const Copy& copy, wire::Drop reason, uint16_t index);
  TxQueue* QueueOf(const Copy& copy) { return QueueOf(copy.port, copy.device, copy.slot); }
  TxQueue* QueueOf(PortId id, Port* port, PortSlot* slot);
  void Enqueue(TxQueue* queue, rte_mbuf* frame, const TxEntry& entry) {
    if (queue->size == kTxBurst) Flush(queue);
    queue->frames[queue->size] = frame;
    queue->entries[queue->size++] = entry;
  }
  void Flush(TxQueue* queue);
  void Refused(PortSlot* slot, rte_mbuf* frame, const TxEntry& entry);
  void RefuseJob(OutJob* job, wire::Drop reason);
  void FinishJob(OutJob* job);
  void FinishLeg(rte_mbuf* payload, bool taken, wire::Drop reason);
  // To be filled in where it stands, every field: put together elsewhere, it could not be copied before its parts have left
  // the store buffer.
  Report& AddReport();
  void PushReports();

  // --- Every exit has a name; `slot` is null where no port is concerned. ---
  void Count(PortSlot* slot, wire::Drop reason, uint64_t count = 1);
  void Discard(PortSlot* slot, wire::Drop reason, rte_mbuf* packet);

  void RunEngine(wire::Direction direction, std::span<wire::AeadJob> jobs);
  void RingBells();
  void Rest();
  void Sleep();
  void WatchPorts(int other_fd);
  void WaitForWork(std::chrono::nanoseconds limit);

  const WorkerId id_;
  const Shared shared_;
  const bool spin_;            // never sleep
  const uint32_t idle_turns_;  // before it does
  const bool several_;         // there are other workers
  const double ns_per_cycle_;
  Lane& lane_;
  const std::unique_ptr<wire::AeadEngine> engine_;
  const PoolPtr header_pool_;

  // This turn.
  const ForwardingTable* forwarding_ = nullptr;
  uint64_t now_ = 0;  // rdtsc, once per burst received
  uint32_t work_ = 0;
  bool rang_control_ = false;          // something was pushed to control
  std::vector<uint8_t> rang_workers_;  // and to which workers

  StageClock stages_;
  Burst<InPacket> in_;       // what Look has not let through yet
  Burst<InPacket> opening_;  // this round's
  std::array<Burst<DeferredPacket>, 2>
      deferred_;           // for the next turn, and from the last: they take turns
  uint8_t deferring_ = 0;  // which is for the next
  std::array<wire::AeadJob, kBurst> jobs_;
  uint16_t handshakes_ = 0;  // of this burst

  Burst<OutJob> out_;
  std::vector<Burst<LegItem>> legs_;  // by WorkerId, to be pushed
  std::vector<TxQueue> tx_;           // by PortId
  Burst<Report> reports_;

  std::vector<pollfd>
      watch_;  // the bell (or the other fd) and the ports' descriptors, while asleep
  nfds_t watched_ = 0;
  bool poll_failed_ = false;  // a port's interface went down or away: its error must be taken
  bool nap_ = false;          // some port has none

  DropCounters drops_;
  Counter heartbeat_;
  std::atomic<bool> asleep_{false};
  std::atomic<bool> stop_{false};  // shared
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PIPELINE_WORKER_H_
