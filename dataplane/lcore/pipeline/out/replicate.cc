// Out 4: a copy for every sending path of the peer. Exactly one copy in all: the payload itself, a
// header put in front. Else every copy, the last included, is a header of its own: chained to a
// reference of the payload, which nobody writes from then on; or, where the port takes no chains or
// the payload is small, followed by a copy of the bytes. Copies of other workers' ports go to them
// by ring, one item for each worker.
//
// References. A payload that only this worker sends (`sole`) gets its count set once: the
// references, and one of its own where somebody needs it afterwards. With several legs the count is
// set before the first leg leaves: all references that this worker's table foresees, and one of the
// payload's own, which passes to the leg that finishes last. A worker whose table differs corrects
// the count by the difference.
#include <rte_mbuf.h>
#include <rte_memcpy.h>

#include <utility>

#include "dataplane/lcore/pipeline/worker.h"

namespace warp::lcore {
namespace {

uint32_t ReferencesOf(const Leg& leg, uint32_t payload_size) {
  return payload_size < kReferenceFrom ? 0 : leg.references;
}

wire::Bytes BytesOf(const rte_mbuf* packet) {
  return {rte_pktmbuf_mtod(packet, const uint8_t*), rte_pktmbuf_data_len(packet)};
}

// How many buffers ahead the lines that a header is written to are asked for.
constexpr size_t kPrefetchHeaders = 4;

void PrefetchHeader(const rte_mbuf* header) {
  __builtin_prefetch(header, 1);
  __builtin_prefetch(&header->next, 1);
  // Where the headroom ends, and so does every header.
  const auto* const room = reinterpret_cast<const char*>(header + 1) + kPacketMetaSize;
  __builtin_prefetch(room + RTE_PKTMBUF_HEADROOM - 1, 1);
}

}  // namespace

// What goes to other workers leaves first, so that they begin while this one is still at its own
// copies.
void Worker::Spread() {
  uint16_t kept = 0;
  for (uint16_t i = 0; i < out_.size(); ++i) {
    OutJob& job = out_[i];
    const PeerView& peer = *job.peer;
    if (peer.needs_sum) job.datagram_sum = wire::DatagramSum(BytesOf(job.payload));
    job.sole = peer.legs.size() == 1;
    if (job.sole && peer.legs[0].worker == id_) {
      out_.Keep(i, kept++);
    } else if (SpreadJob(&job)) {
      out_.Keep(i, kept++);
    }
  }
  out_.Resize(kept);
  PushLegs();
}

// What other workers send of it; true where some of it is ours to send.
bool Worker::SpreadJob(OutJob* job) {
  const PeerView& peer = *job->peer;
  OutboundMeta& meta = MetaOf(job->payload).out;
  meta.datagram_sum = job->datagram_sum;
  meta.legs = static_cast<uint8_t>(peer.legs.size());
  if (!job->sole) {
    uint32_t references = 0;
    for (const Leg& leg : peer.legs) references += ReferencesOf(leg, job->size);
    rte_mbuf_refcnt_set(job->payload, static_cast<uint16_t>(references + 1));
    meta.pending.store(meta.legs, std::memory_order_relaxed);
    meta.any_taken.store(0, std::memory_order_relaxed);
  }
  bool mine = false;
  for (const Leg& leg : peer.legs) {
    const uint32_t references = job->sole ? 0 : ReferencesOf(leg, job->size);
    if (leg.worker == id_) {
      mine = true;
      job->references = references;
    } else {
      legs_[leg.worker].Add({.payload = job->payload, .references = references});
    }
  }
  return mine;
}

// A full ring is a leg that took nothing: this worker finishes it in the other's place.
void Worker::PushLegs() {
  for (WorkerId to = 0; to < legs_.size(); ++to) {
    Burst<LegItem>& legs = legs_[to];
    if (legs.empty()) continue;
    const size_t pushed = shared_.exchange->lanes[to]->legs[id_]->Push({legs.begin(), legs.end()});
    if (pushed > 0) rang_workers_[to] = 1;
    for (size_t i = pushed; i < legs.size(); ++i) {
      Count(nullptr, wire::Drop::kRingFull);
      for (uint32_t lost = 0; lost < legs[i].references; ++lost) rte_pktmbuf_free(legs[i].payload);
      FinishLeg(legs[i].payload, /*taken=*/false, wire::Drop::kRingFull);
    }
    legs.Clear();
  }
  PushReports();
}

bool Worker::TakeLegs(WorkerId from) {
  out_.Clear();
  if (from == id_ || lane_.legs[from]->empty()) return false;
  LegItem items[kBurst];
  const size_t taken = lane_.legs[from]->Pop(items);
  work_ += static_cast<uint32_t>(taken);
  for (size_t i = 0; i < taken; ++i) {
    const OutboundMeta& meta = MetaOf(items[i].payload).out;
    out_.Add({.payload = items[i].payload,
              .peer = forwarding_->FindPeer(meta.peer),
              .references = items[i].references,
              .datagram_sum = meta.datagram_sum,
              .size = rte_pktmbuf_data_len(items[i].payload),
              .sole = meta.legs == 1,
              .sealed = true,
              .wants_report = meta.completion,
              .slot = meta.slot,
              .generation = meta.generation});
  }
  return taken > 0;
}

void Worker::Replicate() {
  // The jobs of one peer together, which mostly are all.
  for (uint16_t first = 0; first < out_.size();) {
    uint16_t last = first;
    while (last < out_.size() && out_[last].peer == out_[first].peer) ++last;
    ReplicateRun(first, last);
    first = last;
  }
  stages_.Lap(Stage::kReplicate, out_.size());
}

// Path by path, so that what belongs to a path is at hand for the whole run.
void Worker::ReplicateRun(uint16_t first, uint16_t last) {
  static const Leg kNoLeg;
  const PeerView* const peer = out_[first].peer;
  const Leg* leg = peer != nullptr ? peer->LegOf(id_) : nullptr;
  if (leg == nullptr) leg = &kNoLeg;  // the paths went away on the way here

  Burst<uint16_t> large, small;  // indices of jobs
  for (uint16_t i = first; i < last; ++i) {
    OutJob& job = out_[i];
    if (leg->copies.empty()) {
      job.reason = wire::Drop::kNoPath;
      if (!job.wants_report) Count(nullptr, wire::Drop::kNoPath);
    }
    if (job.sole && leg->copies.size() == 1 && SendInPlace(leg->copies[0], i)) continue;
    CountReferences(*leg, &job);
    (job.size < kReferenceFrom ? small : large).Add(i);
  }
  for (const Copy& copy : leg->copies) {
    if (copy.by_reference) {
      SendReferences(copy, {large.begin(), large.end()});
    } else {
      SendLinear(copy, {large.begin(), large.end()});
    }
    SendLinear(copy, {small.begin(), small.end()});
  }
}

// Before any of them leaves. The job needs one of its own only while linear copies are made: where every copy is a
// reference, those that a port refuses are enough to go on with.
void Worker::CountReferences(const Leg& leg, OutJob* job) {
  const uint32_t references = ReferencesOf(leg, job->size);
  if (job->sole) {
    job->owned = references < leg.copies.size() || references == 0;
    rte_mbuf_refcnt_set(job->payload, static_cast<uint16_t>(references + (job->owned ? 1 : 0)));
  } else if (references != job->references) {
    rte_mbuf_refcnt_update(job->payload,
                           static_cast<int16_t>(static_cast<int32_t>(references) -
                                                static_cast<int32_t>(job->references)));
  }
}

// A reference that did not leave.
void Worker::ReleaseReference(OutJob* job) {
  if (std::exchange(job->owned, true)) rte_pktmbuf_free(job->payload);
}

bool Worker::SendInPlace(const Copy& copy, uint16_t index) {
  OutJob& job = out_[index];
  const uint8_t size = copy.frame->size;
  if (copy.own_pool || rte_pktmbuf_headroom(job.payload) < size) return false;
  auto* header = reinterpret_cast<uint8_t*>(rte_pktmbuf_prepend(job.payload, size));
  wire::WriteFrameHeader(*copy.frame, job.size, job.datagram_sum, header);
  Enqueue(
      QueueOf(copy), job.payload,
      {.path = copy.counters, .bytes = uint32_t{job.size} + size, .job = index, .in_place = size});
  return true;
}

void Worker::SendReferences(const Copy& copy, std::span<const uint16_t> jobs) {
  if (jobs.empty()) return;
  rte_mbuf* headers[kBurst];
  const size_t have = TakeHeaders({headers, jobs.size()});
  const uint8_t header_size = copy.frame->size;
  TxQueue* const queue = QueueOf(copy);
  for (size_t i = 0; i < have; ++i) {
    if (i + kPrefetchHeaders < have) PrefetchHeader(headers[i + kPrefetchHeaders]);
    const OutJob& job = out_[jobs[i]];
    const uint32_t total = uint32_t{job.size} + header_size;
    // As it comes from its pool, but for what is written here: nobody else's flags were ever in it.
    rte_mbuf* const header = headers[i];
    header->data_off = static_cast<uint16_t>(RTE_PKTMBUF_HEADROOM - header_size);
    header->data_len = header_size;
    header->pkt_len = total;
    header->nb_segs = 2;
    header->next = job.payload;
    wire::WriteFrameHeader(*copy.frame, job.size, job.datagram_sum,
                           rte_pktmbuf_mtod(header, uint8_t*));
    Enqueue(queue, header, {.path = copy.counters, .bytes = total, .job = jobs[i]});
  }
  for (const uint16_t lost : jobs.subspan(have)) {
    ReleaseReference(&out_[lost]);
    LoseCopy(copy, wire::Drop::kNoBuffer, lost);
  }
}

// As many as there are, from the front.
size_t Worker::TakeHeaders(std::span<rte_mbuf*> headers) {
  void** const out = reinterpret_cast<void**>(headers.data());
  if (rte_mempool_get_bulk(header_pool_.get(), out, static_cast<unsigned>(headers.size())) == 0) {
    return headers.size();
  }
  size_t have = 0;
  while (have < headers.size() && rte_mempool_get(header_pool_.get(), &out[have]) == 0) ++have;
  return have;
}

void Worker::SendLinear(const Copy& copy, std::span<const uint16_t> jobs) {
  if (jobs.empty()) return;
  rte_mempool* const pool = copy.device->rx_pool();
  rte_mbuf* frames[kBurst];
  size_t have = jobs.size();
  if (rte_pktmbuf_alloc_bulk(pool, frames, static_cast<unsigned>(have)) != 0) {
    for (have = 0; have < jobs.size() && (frames[have] = rte_pktmbuf_alloc(pool)) != nullptr;)
      ++have;
  }
  const uint8_t header_size = copy.frame->size;
  TxQueue* const queue = QueueOf(copy);
  for (size_t i = 0; i < have; ++i) {
    const OutJob& job = out_[jobs[i]];
    const uint32_t total = uint32_t{job.size} + header_size;
    if (total > rte_pktmbuf_tailroom(frames[i])) {
      rte_pktmbuf_free(frames[i]);
      LoseCopy(copy, wire::Drop::kTooLarge, jobs[i]);
      continue;
    }
    auto* bytes =
        reinterpret_cast<uint8_t*>(rte_pktmbuf_append(frames[i], static_cast<uint16_t>(total)));
    wire::WriteFrameHeader(*copy.frame, job.size, job.datagram_sum, bytes);
    rte_memcpy(bytes + header_size, rte_pktmbuf_mtod(job.payload, const void*), job.size);
    Enqueue(queue, frames[i], {.path = copy.counters, .bytes = total, .job = jobs[i]});
  }
  for (const uint16_t lost : jobs.subspan(have)) LoseCopy(copy, wire::Drop::kNoBuffer, lost);
}

void Worker::LoseCopy(const Copy& copy, wire::Drop reason, uint16_t index) {
  Count(copy.slot, reason);
  copy.counters->tx_dropped.Add();
  out_[index].reason = reason;
}

}  // namespace warp::lcore
