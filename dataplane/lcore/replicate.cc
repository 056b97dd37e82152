// Out 7: a copy for every sending path of the peer. Exactly one copy in all: the payload itself, a
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

#include <algorithm>

#include "dataplane/lcore/worker.h"

namespace warp::lcore {
namespace {

uint32_t ReferencesOf(const Leg& leg, uint32_t payload_size) {
  return payload_size < kReferenceFrom ? 0 : leg.references;
}

wire::Bytes BytesOf(const rte_mbuf* packet) {
  return {rte_pktmbuf_mtod(packet, const uint8_t*), rte_pktmbuf_data_len(packet)};
}

}  // namespace

// What goes to other workers leaves first, so that they begin while this one is still at its own
// copies.
void Worker::Spread() {
  uint16_t kept = 0;
  for (OutJob& job : out_) {
    const PeerView& peer = *job.peer;
    OutboundMeta& meta = MetaOf(job.payload).out;
    meta.datagram_sum = peer.needs_sum ? wire::DatagramSum(BytesOf(job.payload)) : 0;
    meta.legs = static_cast<uint8_t>(peer.legs.size());
    job.sole = peer.legs.size() == 1;
    if (!job.sole) {
      uint32_t references = 0;
      for (const Leg& leg : peer.legs)
        references += ReferencesOf(leg, rte_pktmbuf_data_len(job.payload));
      rte_mbuf_refcnt_set(job.payload, static_cast<uint16_t>(references + 1));
      meta.pending.store(meta.legs, std::memory_order_relaxed);
      meta.any_taken.store(0, std::memory_order_relaxed);
    }
    const bool mine = peer.LegOf(id_) != nullptr;
    for (const Leg& leg : peer.legs) {
      const uint32_t references =
          job.sole ? 0 : ReferencesOf(leg, rte_pktmbuf_data_len(job.payload));
      if (leg.worker == id_) {
        job.references = references;
      } else {
        legs_[leg.worker].Add({.payload = job.payload, .references = references});
      }
    }
    if (mine) out_[kept++] = job;
  }
  out_.Resize(kept);
  PushLegs();
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
  if (from == id_) return false;
  LegItem items[kBurst];
  const size_t taken = lane_.legs[from]->Pop(items);
  work_ += static_cast<uint32_t>(taken);
  for (size_t i = 0; i < taken; ++i) {
    const OutboundMeta& meta = MetaOf(items[i].payload).out;
    out_.Add({.payload = items[i].payload,
              .peer = forwarding_->FindPeer(meta.peer),
              .references = items[i].references,
              .sole = meta.legs == 1,
              .sealed = true,
              .wants_report = meta.completion,
              .slot = meta.slot,
              .generation = meta.generation});
  }
  return taken > 0;
}

void Worker::Replicate() {
  for (uint16_t i = 0; i < out_.size(); ++i) ReplicateJob(i);
  stages_.Lap(Stage::kReplicate, out_.size());
}

void Worker::ReplicateJob(uint16_t index) {
  static const Leg kNoLeg;
  OutJob& job = out_[index];
  const Leg* leg = job.peer != nullptr ? job.peer->LegOf(id_) : nullptr;
  if (leg == nullptr) leg = &kNoLeg;  // the paths went away on the way here
  if (leg->copies.empty()) {
    job.reason = wire::Drop::kNoPath;
    Count(nullptr, wire::Drop::kNoPath);
  }
  const uint32_t references = ReferencesOf(*leg, rte_pktmbuf_data_len(job.payload));
  rte_mbuf* const payload = job.payload;
  if (job.sole) {
    if (leg->copies.size() == 1 && SendInPlace(leg->copies[0], index)) return;
    // Its own reference is needed for what happens after the copies, or between them.
    const bool own = job.wants_report || references < leg->copies.size() || references == 0;
    rte_mbuf_refcnt_set(payload, static_cast<uint16_t>(references + (own ? 1 : 0)));
    if (!own) job.payload = nullptr;
  } else if (references != job.references) {
    rte_mbuf_refcnt_update(payload, static_cast<int16_t>(static_cast<int32_t>(references) -
                                                         static_cast<int32_t>(job.references)));
  }

  rte_mbuf* headers[kBurst];
  size_t have = 0;
  size_t wanted = references;
  for (const Copy& copy : leg->copies) {
    if (references == 0 || !copy.by_reference) {
      SendLinear(copy, payload, index);
      continue;
    }
    if (have == 0) {
      have = TakeHeaders({headers, std::min<size_t>(wanted, kBurst)});
      wanted -= std::min<size_t>(wanted, std::max<size_t>(have, 1));
    }
    if (have == 0) {
      rte_pktmbuf_free(payload);  // the reference that this copy would have been
      LoseCopy(copy, wire::Drop::kNoBuffer, index);
      continue;
    }
    SendReference(copy, payload, headers[--have], index);
  }
}

// All that were asked for, else one, else none.
size_t Worker::TakeHeaders(std::span<rte_mbuf*> headers) {
  if (rte_pktmbuf_alloc_bulk(header_pool_.get(), headers.data(),
                             static_cast<unsigned>(headers.size())) == 0) {
    return headers.size();
  }
  headers[0] = rte_pktmbuf_alloc(header_pool_.get());
  return headers[0] != nullptr ? 1 : 0;
}

bool Worker::SendInPlace(const Copy& copy, uint16_t index) {
  rte_mbuf* const payload = out_[index].payload;
  if (copy.own_pool || rte_pktmbuf_headroom(payload) < copy.frame->size) return false;
  const uint16_t size = rte_pktmbuf_data_len(payload);
  const uint32_t sum = MetaOf(payload).out.datagram_sum;
  auto* header = reinterpret_cast<uint8_t*>(rte_pktmbuf_prepend(payload, copy.frame->size));
  wire::WriteFrameHeader(*copy.frame, size, sum, header);
  Enqueue(copy.port, copy.device, copy.slot, payload,
          {.path = copy.counters,
           .bytes = uint32_t{size} + copy.frame->size,
           .job = index,
           .in_place = copy.frame->size});
  return true;
}

void Worker::SendReference(const Copy& copy, rte_mbuf* payload, rte_mbuf* header, uint16_t index) {
  const uint16_t size = rte_pktmbuf_data_len(payload);
  auto* bytes = reinterpret_cast<uint8_t*>(rte_pktmbuf_prepend(header, copy.frame->size));
  wire::WriteFrameHeader(*copy.frame, size, MetaOf(payload).out.datagram_sum, bytes);
  header->next = payload;
  header->nb_segs = 2;
  header->pkt_len = uint32_t{size} + copy.frame->size;
  Enqueue(copy.port, copy.device, copy.slot, header,
          {.path = copy.counters, .bytes = header->pkt_len, .job = index});
}

void Worker::SendLinear(const Copy& copy, rte_mbuf* payload, uint16_t index) {
  const uint16_t size = rte_pktmbuf_data_len(payload);
  const uint32_t total = uint32_t{size} + copy.frame->size;
  rte_mbuf* frame = rte_pktmbuf_alloc(copy.device->rx_pool());
  if (frame == nullptr) return LoseCopy(copy, wire::Drop::kNoBuffer, index);
  if (total > rte_pktmbuf_tailroom(frame)) {
    rte_pktmbuf_free(frame);
    return LoseCopy(copy, wire::Drop::kTooLarge, index);
  }
  auto* bytes = reinterpret_cast<uint8_t*>(rte_pktmbuf_append(frame, static_cast<uint16_t>(total)));
  wire::WriteFrameHeader(*copy.frame, size, MetaOf(payload).out.datagram_sum, bytes);
  rte_memcpy(bytes + copy.frame->size, rte_pktmbuf_mtod(payload, const void*), size);
  Enqueue(copy.port, copy.device, copy.slot, frame,
          {.path = copy.counters, .bytes = total, .job = index});
}

void Worker::LoseCopy(const Copy& copy, wire::Drop reason, uint16_t index) {
  Count(copy.slot, reason);
  copy.counters->tx_dropped.Add();
  out_[index].reason = reason;
}

}  // namespace warp::lcore
