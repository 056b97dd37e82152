// Out 4, second half: a copy for every sending path of the peer over this worker's ports. Exactly one copy in all is
// the payload itself, with a header put in front. Otherwise every copy, the last included, has a header of its own:
// chained to a reference of the payload, which nobody writes from then on; or, where the port takes no chains or the
// payload is small, followed by a copy of the bytes.
//
// The reference count of a payload that only this worker sends (`sole`) is set once: to the references, and one of the
// job's own where the payload is needed after them. spread.cc says what it is where several workers send.
#include <rte_mbuf.h>
#include <rte_memcpy.h>

#include <cassert>
#include <utility>

#include "dataplane/lcore/pipeline/out/egress.h"

namespace warp::lcore {
namespace {

// How many buffers ahead the lines that a header is written to are fetched.
constexpr size_t kPrefetchHeaders = 4;

void PrefetchHeader(const rte_mbuf* header) {
  __builtin_prefetch(header, 1);
  __builtin_prefetch(&header->next, 1);
  // Every header ends where the headroom ends.
  const auto* const room = reinterpret_cast<const char*>(header + 1) + kPacketMetaSize;
  __builtin_prefetch(room + RTE_PKTMBUF_HEADROOM - 1, 1);
}

// In place, headers of frame and datagram stand in front of the payload; a header buffer has room for the frame's.
static_assert(RTE_PKTMBUF_HEADROOM >= wire::kMaxFrameHeaderSize + wire::kDataHeaderSize);

}  // namespace

void Egress::Replicate() {
  // The jobs of one peer, which mostly are all, go together.
  for (uint16_t first = 0; first < jobs_.size();) {
    uint16_t last = first;
    while (last < jobs_.size() && jobs_[last].peer == jobs_[first].peer) ++last;
    ReplicateRun(first, last);
    first = last;
  }
  turn_.Lap(Stage::kReplicate, jobs_.size());
}

// Goes path by path, so that a path's template and counters are at hand for the whole run.
void Egress::ReplicateRun(uint16_t first, uint16_t last) {
  static const Leg kNoLeg;
  const PeerView* const peer = jobs_[first].peer;
  const Leg* leg = peer != nullptr ? peer->LegOf(turn_.id()) : nullptr;
  if (leg == nullptr) leg = &kNoLeg;  // the paths went away while the payload was in a ring

  Burst<uint16_t> large, small;  // places in jobs_
  for (uint16_t i = first; i < last; ++i) {
    OutJob& job = jobs_[i];
    if (leg->copies.empty()) {
      job.reason = wire::Drop::kNoPath;
      if (!job.wants_report) turn_.Count(nullptr, wire::Drop::kNoPath);
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

// Sets the count before any reference leaves. The job needs a reference of its own only while linear copies are made.
// If every copy is a reference, the first one that a port refuses becomes the job's.
void Egress::CountReferences(const Leg& leg, OutJob* job) {
  const uint32_t references = leg.ReferencesOf(job->size);
  if (job->sole) {
    assert(rte_mbuf_refcnt_read(job->payload) == 1);
    job->owned = references < leg.copies.size() || references == 0;
    rte_mbuf_refcnt_set(job->payload, static_cast<uint16_t>(references + (job->owned ? 1 : 0)));
  } else if (references != job->references) {
    rte_mbuf_refcnt_update(job->payload,
                           static_cast<int16_t>(static_cast<int32_t>(references) -
                                                static_cast<int32_t>(job->references)));
  }
}

// Gives back a reference that did not leave: to the job, if it has none of its own.
void Egress::ReleaseReference(OutJob* job) {
  if (std::exchange(job->owned, true)) rte_pktmbuf_free(job->payload);
}

bool Egress::SendInPlace(const Copy& copy, uint16_t index) {
  OutJob& job = jobs_[index];
  const uint8_t size = copy.frame->size;
  if (copy.own_pool || rte_pktmbuf_headroom(job.payload) < size) return false;
  auto* header = reinterpret_cast<uint8_t*>(rte_pktmbuf_prepend(job.payload, size));
  wire::WriteFrameHeader(*copy.frame, job.size, job.datagram_sum, header);
  Enqueue(QueueOf(copy), job.payload,
          {.path = copy.counters,
           .bytes = uint32_t{job.size} + size,
           .job = index,
           .kind = TxKind::kInPlace,
           .header_size = size});
  return true;
}

void Egress::SendReferences(const Copy& copy, std::span<const uint16_t> jobs) {
  if (jobs.empty()) return;
  rte_mbuf* headers[kBurst];
  const size_t have = TakeHeaders({headers, jobs.size()});
  const uint8_t header_size = copy.frame->size;
  TxQueue* const queue = QueueOf(copy);
  for (size_t i = 0; i < have; ++i) {
    if (i + kPrefetchHeaders < have) PrefetchHeader(headers[i + kPrefetchHeaders]);
    const OutJob& job = jobs_[jobs[i]];
    const uint32_t total = uint32_t{job.size} + header_size;
    // Every other field is as the pool made it: header buffers are used for nothing else.
    rte_mbuf* const header = headers[i];
    header->data_off = static_cast<uint16_t>(RTE_PKTMBUF_HEADROOM - header_size);
    header->data_len = header_size;
    header->pkt_len = total;
    header->nb_segs = 2;
    header->next = job.payload;
    wire::WriteFrameHeader(*copy.frame, job.size, job.datagram_sum,
                           rte_pktmbuf_mtod(header, uint8_t*));
    Enqueue(queue, header,
            {.path = copy.counters, .bytes = total, .job = jobs[i], .kind = TxKind::kReference});
  }
  for (const uint16_t lost : jobs.subspan(have)) {
    ReleaseReference(&jobs_[lost]);
    LoseCopy(copy, wire::Drop::kNoBuffer, lost);
  }
}

// Fills in as many as the pool has, from the front, and returns how many.
size_t Egress::TakeHeaders(std::span<rte_mbuf*> headers) {
  void** const out = reinterpret_cast<void**>(headers.data());
  if (rte_mempool_get_bulk(header_pool_.get(), out, static_cast<unsigned>(headers.size())) == 0) {
    return headers.size();
  }
  size_t have = 0;
  while (have < headers.size() && rte_mempool_get(header_pool_.get(), &out[have]) == 0) ++have;
  return have;
}

void Egress::SendLinear(const Copy& copy, std::span<const uint16_t> jobs) {
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
    const OutJob& job = jobs_[jobs[i]];
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
    Enqueue(queue, frames[i],
            {.path = copy.counters, .bytes = total, .job = jobs[i], .kind = TxKind::kLinear});
  }
  for (const uint16_t lost : jobs.subspan(have)) LoseCopy(copy, wire::Drop::kNoBuffer, lost);
}

void Egress::LoseCopy(const Copy& copy, wire::Drop reason, uint16_t index) {
  turn_.Count(copy.slot, reason);
  copy.counters->tx_dropped.Add();
  jobs_[index].reason = reason;
}

}  // namespace warp::lcore
