// Out 4, second half: a copy for every sending path of the peer over this worker's ports that the mask names. Exactly
// one copy in all is the payload itself, with a header put in front. Otherwise every copy, the last included, has a
// header of its own: chained to a reference of the payload, which nobody writes from then on; or, where the port takes
// no chains or the payload is small, followed by a copy of the bytes.
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
  // The jobs of one peer that take the same paths, which mostly are all, go together.
  for (uint16_t first = 0; first < jobs_.size();) {
    uint16_t last = first;
    while (last < jobs_.size() && jobs_[last].GoesWith(jobs_[first])) ++last;
    ReplicateRun(first, last);
    first = last;
  }
  turn_.Lap(Stage::kReplicate, jobs_.size());
}

// Goes path by path, so that a path's template and counters are at hand for the whole run. On each path the copies
// leave in the order of their payloads, whatever kind each of them is.
void Egress::ReplicateRun(uint16_t first, uint16_t last) {
  static const Leg kNoLeg;
  const PeerView* const peer = jobs_[first].peer;
  const Leg* leg = peer != nullptr ? peer->LegOf(turn_.id()) : nullptr;
  if (leg == nullptr) leg = &kNoLeg;  // the paths went away while the payload was in a ring
  const wire::PathMask paths = jobs_[first].paths();
  const uint32_t copies = leg->CopiesIn(paths);
  const Copy* const only = copies == 1 ? leg->FirstIn(paths) : nullptr;

  // The jobs from `first` on have no copy yet, and so many of them are large enough for a reference.
  uint16_t large = 0;
  for (uint16_t i = first; i < last; ++i) {
    OutJob& job = jobs_[i];
    if (copies == 0) {
      job.reason = wire::Drop::kNoPath;
      if (!job.wants_report) turn_.Count(nullptr, wire::Drop::kNoPath);
    }
    if (job.sole && only != nullptr && FitsInPlace(*only, job)) {
      if (first < i) SendRun(*only, first, i, std::exchange(large, uint16_t{0}));
      SendInPlace(*only, i);
      first = i + 1;
      continue;
    }
    CountReferences(leg->ReferencesOf(job.size, paths), copies, &job);
    if (job.size >= kReferenceFrom) ++large;
  }
  if (first == last) return;
  for (const Copy& copy : leg->copies) {
    if (copy.IsIn(paths)) SendRun(copy, first, last, large);
  }
}

// Sets the count before any reference leaves. The job needs a reference of its own only while linear copies are made.
// If every copy is a reference, the first one that a port refuses becomes the job's.
void Egress::CountReferences(uint32_t references, uint32_t copies, OutJob* job) {
  if (job->sole) {
    assert(rte_mbuf_refcnt_read(job->payload) == 1);
    job->owned = references < copies || references == 0;
    rte_mbuf_refcnt_set(job->payload, static_cast<uint16_t>(references + (job->owned ? 1 : 0)));
  } else if (references != job->references) {
    CorrectReferences(job->payload, job->references, references);
  }
}

// Gives back a reference that did not leave: to the job, if it has none of its own.
void Egress::ReleaseReference(OutJob* job) {
  if (std::exchange(job->owned, true)) rte_pktmbuf_free(job->payload);
}

bool Egress::FitsInPlace(const Copy& copy, const OutJob& job) const {
  return !copy.own_pool && rte_pktmbuf_headroom(job.payload) >= copy.frame->size;
}

void Egress::SendInPlace(const Copy& copy, uint16_t index) {
  OutJob& job = jobs_[index];
  const uint8_t size = copy.frame->size;
  auto* header = reinterpret_cast<uint8_t*>(rte_pktmbuf_prepend(job.payload, size));
  wire::WriteFrameHeader(*copy.frame, job.size, job.datagram_sum, header, job.traffic_class);
  Enqueue(QueueOf(copy), job.payload,
          {.path = copy.counters,
           .bytes = uint32_t{job.size} + size,
           .job = index,
           .kind = TxKind::kInPlace,
           .header_size = size});
}

[[gnu::always_inline]] inline void Egress::SendReference(const Copy& copy, TxQueue* queue,
                                                         rte_mbuf* header, uint16_t index) {
  const OutJob& job = jobs_[index];
  const uint8_t header_size = copy.frame->size;
  const uint32_t total = uint32_t{job.size} + header_size;
  // Every other field is as the pool made it: header buffers are used for nothing else.
  header->data_off = static_cast<uint16_t>(RTE_PKTMBUF_HEADROOM - header_size);
  header->data_len = header_size;
  header->pkt_len = total;
  header->nb_segs = 2;
  header->next = job.payload;
  wire::WriteFrameHeader(*copy.frame, job.size, job.datagram_sum,
                         rte_pktmbuf_mtod(header, uint8_t*), job.traffic_class);
  Enqueue(queue, header,
          {.path = copy.counters, .bytes = total, .job = index, .kind = TxKind::kReference});
}

[[gnu::always_inline]] inline void Egress::SendLinear(const Copy& copy, TxQueue* queue,
                                                      rte_mbuf* frame, uint16_t index) {
  const OutJob& job = jobs_[index];
  const uint8_t header_size = copy.frame->size;
  const uint32_t total = uint32_t{job.size} + header_size;
  if (total > rte_pktmbuf_tailroom(frame)) {
    rte_pktmbuf_free(frame);
    return LoseCopy(copy, wire::Drop::kTooLarge, index);
  }
  auto* bytes = reinterpret_cast<uint8_t*>(rte_pktmbuf_append(frame, static_cast<uint16_t>(total)));
  wire::WriteFrameHeader(*copy.frame, job.size, job.datagram_sum, bytes, job.traffic_class);
  rte_memcpy(bytes + header_size, rte_pktmbuf_mtod(job.payload, const void*), job.size);
  Enqueue(queue, frame,
          {.path = copy.counters, .bytes = total, .job = index, .kind = TxKind::kLinear});
}

// The copies of one path, for jobs of which `large` have a size that is worth a reference. Nearly every run is of one
// kind, and a loop for one kind costs a tenth less than the loop that asks each job.
void Egress::SendRun(const Copy& copy, uint16_t first, uint16_t last, uint16_t large) {
  if (!copy.by_reference || large == 0) return SendLinears(copy, first, last);
  if (large == last - first) return SendReferences(copy, first, last);
  SendMixed(copy, first, last, large);
}

void Egress::SendReferences(const Copy& copy, uint16_t first, uint16_t last) {
  rte_mbuf* headers[kBurst];
  const size_t have = TakeHeaders({headers, size_t{last} - first});
  TxQueue* const queue = QueueOf(copy);
  for (size_t i = 0; i < have; ++i, ++first) {
    if (i + kPrefetchHeaders < have) PrefetchHeader(headers[i + kPrefetchHeaders]);
    SendReference(copy, queue, headers[i], first);
  }
  for (; first < last; ++first) LoseReference(copy, first);
}

void Egress::SendLinears(const Copy& copy, uint16_t first, uint16_t last) {
  rte_mbuf* frames[kBurst];
  const size_t have = TakeFrames(copy.device->rx_pool(), {frames, size_t{last} - first});
  TxQueue* const queue = QueueOf(copy);
  for (size_t i = 0; i < have; ++i, ++first) SendLinear(copy, queue, frames[i], first);
  for (; first < last; ++first) LoseCopy(copy, wire::Drop::kNoBuffer, first);
}

// Where the buffers of a kind do not suffice, the last copies of that kind are lost.
void Egress::SendMixed(const Copy& copy, uint16_t first, uint16_t last, uint16_t large) {
  rte_mbuf* headers[kBurst];
  rte_mbuf* frames[kBurst];
  const size_t have_headers = TakeHeaders({headers, large});
  const size_t have_frames =
      TakeFrames(copy.device->rx_pool(), {frames, size_t{last} - first - large});
  TxQueue* const queue = QueueOf(copy);
  size_t header = 0, frame = 0;
  for (uint16_t i = first; i < last; ++i) {
    if (jobs_[i].size >= kReferenceFrom) {
      if (header < have_headers) {
        SendReference(copy, queue, headers[header++], i);
      } else {
        LoseReference(copy, i);
      }
    } else if (frame < have_frames) {
      SendLinear(copy, queue, frames[frame++], i);
    } else {
      LoseCopy(copy, wire::Drop::kNoBuffer, i);
    }
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

// The same for the frames of linear copies.
size_t Egress::TakeFrames(rte_mempool* pool, std::span<rte_mbuf*> frames) {
  if (rte_pktmbuf_alloc_bulk(pool, frames.data(), static_cast<unsigned>(frames.size())) == 0) {
    return frames.size();
  }
  size_t have = 0;
  while (have < frames.size() && (frames[have] = rte_pktmbuf_alloc(pool)) != nullptr) ++have;
  return have;
}

void Egress::LoseReference(const Copy& copy, uint16_t index) {
  ReleaseReference(&jobs_[index]);
  LoseCopy(copy, wire::Drop::kNoBuffer, index);
}

void Egress::LoseCopy(const Copy& copy, wire::Drop reason, uint16_t index) {
  turn_.Count(copy.slot, reason);
  copy.counters->tx_dropped.Add();
  jobs_[index].NoteLost(reason);
}

}  // namespace warp::lcore
