// The outbound stages of a worker: payloads and frames from control, and legs from other workers, become frames for
// this worker's ports, and reports for control. They stand in the order of a packet's journey, one file each, with the
// numbers of docs/packet-journey.md:
//
//   out   3 take.cc       a burst of payloads from control
//           seal.cc       seal once, in place, as a burst
//         4 spread.cc     what other workers send of it, to them
//           replicate.cc  a copy for every path of this worker's ports
//         5 tx.cc         to the ports
//         6 completion.cc what became of it, to control
#ifndef WARP_DATAPLANE_LCORE_PIPELINE_OUT_EGRESS_H_
#define WARP_DATAPLANE_LCORE_PIPELINE_OUT_EGRESS_H_

#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/lcore/exchange/exchange.h"
#include "dataplane/lcore/memory/pool.h"
#include "dataplane/lcore/pipeline/out/out_job.h"
#include "dataplane/lcore/pipeline/out/tx_queue.h"
#include "dataplane/lcore/pipeline/turn/burst.h"
#include "dataplane/lcore/pipeline/turn/turn.h"

namespace warp::lcore {

class Egress {
 public:
  // `turn` and `exchange` outlive it. `header_pool` is the worker's own.
  Egress(Turn& turn, Exchange& exchange, PoolPtr header_pool, uint16_t max_ports);
  Egress(const Egress&) = delete;
  Egress& operator=(const Egress&) = delete;

  // Frames that control made whole.
  void SendFrames();

  // The journey of a burst of payloads. TakePayloads is false where there is nothing to send; else the other three
  // follow, in this order.
  bool TakePayloads();
  void Seal();
  void Spread();
  void SendCopies();

  // The copies that this worker sends of payloads that worker `from` sealed. False where there are none; else
  // SendCopies follows.
  bool TakeLegs(WorkerId from);

  // Between turns nothing is here.
  bool idle() const { return jobs_.empty() && reports_.empty(); }

  // Any thread.
  const rte_mempool* header_pool() const { return header_pool_.get(); }

 private:
  void FindSendSession(OutJob* job) const;
  wire::Drop Obstacle(const OutJob& job) const;
  void ReserveCounters();

  bool IsMine(const OutJob& job) const;
  bool SpreadJob(OutJob* job, uint32_t legs);
  void PushLegs();
  void DropLateLeg(OutJob* job);

  void Replicate();
  void ReplicateRun(uint16_t first, uint16_t last);
  void CountReferences(uint32_t references, uint32_t copies, OutJob* job);
  void ReleaseReference(OutJob* job);
  bool FitsInPlace(const Copy& copy, const OutJob& job) const;
  void SendInPlace(const Copy& copy, uint16_t index);
  void SendRun(const Copy& copy, uint16_t first, uint16_t last, uint16_t large);
  void SendReferences(const Copy& copy, uint16_t first, uint16_t last);
  void SendLinears(const Copy& copy, uint16_t first, uint16_t last);
  void SendMixed(const Copy& copy, uint16_t first, uint16_t last, uint16_t large);
  void SendReference(const Copy& copy, TxQueue* queue, rte_mbuf* header, uint16_t index);
  void SendLinear(const Copy& copy, TxQueue* queue, rte_mbuf* frame, uint16_t index);
  size_t TakeHeaders(std::span<rte_mbuf*> headers);
  size_t TakeFrames(rte_mempool* pool, std::span<rte_mbuf*> frames);
  void LoseReference(const Copy& copy, uint16_t index);
  void LoseCopy(const Copy& copy, wire::Drop reason, uint16_t index);

  void Transmit();
  TxQueue* QueueOf(const Copy& copy) { return QueueOf(copy.port, copy.device, copy.slot); }
  TxQueue* QueueOf(PortId id, Port* port, PortSlot* slot);
  void Enqueue(TxQueue* queue, rte_mbuf* frame, const TxEntry& entry) {
    if (queue->size == kTxBurst) Flush(queue);
    queue->frames[queue->size] = frame;
    queue->entries[queue->size++] = entry;
  }
  void Flush(TxQueue* queue);
  void CountSent(const TxQueue& queue, uint16_t first, uint16_t last);
  void Refused(const TxQueue& queue, uint16_t index, wire::Drop reason);

  void Complete();
  void RefuseJob(OutJob* job, wire::Drop reason);
  void FinishJob(OutJob* job);
  void FinishLeg(rte_mbuf* payload, bool taken, wire::Drop reason);
  Report& AddReport();
  void PushReports();

  Turn& turn_;
  Exchange& exchange_;
  Lane& lane_;  // of this worker
  const PoolPtr header_pool_;

  Burst<OutJob> jobs_;
  std::vector<Burst<LegItem>> legs_;  // by WorkerId, to be pushed
  std::vector<TxQueue> tx_;           // by PortId
  Burst<Report> reports_;             // to be pushed
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PIPELINE_OUT_EGRESS_H_
