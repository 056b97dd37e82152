// Out 4, first half: gives other workers what they send of a payload, one ring item for each worker, and takes what
// others give.
//
// With several legs the payload's reference count is set before the first leg leaves: to all references that this
// worker's table foresees, and one of the payload's own, which passes to the leg that finishes last. A worker whose
// table differs corrects the count by the difference.
#include <rte_mbuf.h>

#include <algorithm>
#include <cassert>
#include <span>

#include "dataplane/lcore/pipeline/out/egress.h"
#include "dataplane/os/stop_point.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::lcore {
namespace {

wire::Bytes BytesOf(const rte_mbuf* packet) {
  return {rte_pktmbuf_mtod(packet, const uint8_t*), rte_pktmbuf_data_len(packet)};
}

}  // namespace

// Legs of other workers are pushed before this worker makes its own copies, so that the others begin meanwhile.
void Egress::Spread() {
  uint16_t kept = 0;
  for (uint16_t i = 0; i < jobs_.size(); ++i) {
    OutJob& job = jobs_[i];
    const PeerView& peer = *job.peer;
    assert(job.sealed && !peer.legs.empty());
    if (peer.needs_sum) job.datagram_sum = wire::DatagramSum(BytesOf(job.payload));
    const uint32_t legs = peer.LegsIn(job.paths());
    job.sole = legs == 1;
    if (job.sole && IsMine(job)) {
      jobs_.Keep(i, kept++);
    } else if (SpreadJob(&job, legs)) {
      jobs_.Keep(i, kept++);
    }
  }
  jobs_.Resize(kept);
  PushLegs();
}

// Whether the payload, of which only one worker sends copies, is this worker's.
bool Egress::IsMine(const OutJob& job) const {
  if (!job.masked) return job.peer->legs[0].worker == turn_.id();
  const Leg* const leg = job.peer->LegOf(turn_.id());
  return leg != nullptr && leg->CopiesIn(job.paths()) > 0;
}

// Sets the payload's references and adds a leg for each other worker, of `legs` in all. True where this worker has
// copies of it to send, too.
bool Egress::SpreadJob(OutJob* job, uint32_t legs) {
  const PeerView& peer = *job->peer;
  const wire::PathMask paths = job->paths();
  OutboundMeta& meta = MetaOf(job->payload).out;
  meta.datagram_sum = job->datagram_sum;
  assert(legs <= UINT8_MAX);
  meta.legs = static_cast<uint8_t>(legs);
  if (!job->sole) {
    uint32_t references = 0;
    for (const Leg& leg : peer.legs) references += leg.ReferencesOf(job->size, paths);
    assert(rte_mbuf_refcnt_read(job->payload) == 1);
    rte_mbuf_refcnt_set(job->payload, static_cast<uint16_t>(references + 1));
    meta.pending.store(meta.legs, std::memory_order_relaxed);
  }
  meta.outcome.store(0, std::memory_order_relaxed);
  // Once a leg is pushed the payload is no more this worker's alone: PushLegs comes after all writes to it.
  bool mine = false;
  for (const Leg& leg : peer.legs) {
    if (leg.CopiesIn(paths) == 0) continue;
    const uint32_t references = job->sole ? 0 : leg.ReferencesOf(job->size, paths);
    if (leg.worker == turn_.id()) {
      mine = true;
      job->references = references;
    } else {
      legs_[leg.worker].Add({.payload = job->payload, .references = references});
    }
  }
  return mine;
}

// A leg for which the ring has no room took nothing: this worker finishes it in the other's place.
void Egress::PushLegs() {
  for (WorkerId to = 0; to < legs_.size(); ++to) {
    Burst<LegItem>& legs = legs_[to];
    if (legs.empty()) continue;
    const size_t pushed = exchange_.lanes[to]->legs[turn_.id()]->Push({legs.begin(), legs.end()});
    WARP_STOP_POINT(burst_spread);
    if (pushed > 0) turn_.WakeWorker(to);
    for (size_t i = pushed; i < legs.size(); ++i) {
      turn_.Count(nullptr, wire::Drop::kRingFull);
      for (uint32_t lost = 0; lost < legs[i].references; ++lost) rte_pktmbuf_free(legs[i].payload);
      FinishLeg(legs[i].payload, /*taken=*/false, wire::Drop::kRingFull);
    }
    legs.Clear();
  }
  PushReports();
}

// The payload's meta was written by the worker that sealed it, and is constant since but for the two atomics.
bool Egress::TakeLegs(WorkerId from) {
  jobs_.Clear();
  if (from == turn_.id() || lane_.legs[from]->empty()) return false;
  LegItem items[kBurst];
  const size_t taken = lane_.legs[from]->Pop(
      std::span(items).first(std::min<size_t>(kBurst, lane_.completions.Room())));
  turn_.AddWork(static_cast<uint32_t>(taken));
  if (taken > 0) turn_.ReadTime();
  for (size_t i = 0; i < taken; ++i) {
    const OutboundMeta& meta = MetaOf(items[i].payload).out;
    assert(meta.legs > 0 && (meta.legs > 1 || items[i].references == 0));
    OutJob& job = jobs_.Add();
    job = {.payload = items[i].payload,
           .peer = turn_.forwarding().FindPeer(meta.peer, rte_pktmbuf_data_len(items[i].payload),
                                               meta.paths),
           .references = items[i].references,
           .datagram_sum = meta.datagram_sum,
           .size = rte_pktmbuf_data_len(items[i].payload),
           .traffic_class = meta.traffic_class,
           .sole = meta.legs == 1,
           .sealed = true,
           .wants_report = meta.completion,
           .masked = meta.paths != wire::kAllPaths};
    job.ticket = meta.ticket;  // as in TakePayloads
    if (turn_.now() >= meta.deadline) {
      DropLateLeg(&job);
      jobs_.Resize(static_cast<uint16_t>(jobs_.size() - 1));
      continue;
    }
    // The table of the worker that sealed may have been another than this one's.
    if (job.datagram_sum == 0 && job.peer != nullptr && job.peer->needs_sum) [[unlikely]]
      job.datagram_sum = wire::DatagramSum(BytesOf(job.payload));
  }
  PushReports();
  return !jobs_.empty();
}

// Each of its copies is lost on its path.
void Egress::DropLateLeg(OutJob* job) {
  const Leg* const leg = job->peer != nullptr ? job->peer->LegOf(turn_.id()) : nullptr;
  if (leg != nullptr) {
    for (const Copy& copy : leg->copies) {
      if (!copy.IsIn(job->paths())) continue;
      turn_.Count(copy.slot, wire::Drop::kDeadline);
      copy.counters->tx_dropped.Add();
    }
  }
  for (uint32_t i = 0; i < job->references; ++i) rte_pktmbuf_free(job->payload);
  FinishLeg(job->payload, /*taken=*/false, wire::Drop::kDeadline);
}

}  // namespace warp::lcore
