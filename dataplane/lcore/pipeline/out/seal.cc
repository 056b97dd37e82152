// Out 3: take a burst of payloads from control, reserve their counters with one addition for each
// session, and seal each once, in place. What was sealed before (a payload that no path took)
// passes through: sealed bytes are never sealed again.
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "dataplane/lcore/pipeline/worker.h"
#include "dataplane/wire/message.h"

namespace warp::lcore {
namespace {

// The payload's data grows by data header and tag, for which Obstacle has seen room. Returns the header.
uint8_t* Widen(OutJob* job) {
  rte_mbuf* const payload = job->payload;
  job->size = static_cast<uint16_t>(job->size + wire::kMinSealedSize);
  payload->data_off = static_cast<uint16_t>(payload->data_off - wire::kDataHeaderSize);
  payload->data_len = job->size;
  payload->pkt_len = job->size;
  return rte_pktmbuf_mtod(payload, uint8_t*);
}

}  // namespace

bool Worker::TakePayloads() {
  out_.Clear();
  rte_mbuf* payloads[kBurst];
  const size_t taken = lane_.payloads.Pop(payloads);
  work_ += static_cast<uint32_t>(taken);
  // Control wrote them last, on another core: all on their way here before the first is looked at.
  for (size_t i = 0; i < taken; ++i) {
    rte_prefetch0(payloads[i]);
    rte_prefetch0(&MetaOf(payloads[i]));
  }
  for (size_t i = 0; i < taken; ++i) {
    const OutboundMeta& meta = MetaOf(payloads[i]).out;
    OutJob& job = out_.Add();
    job = {.payload = payloads[i],
           .peer = forwarding_->FindPeer(meta.peer),
           .size = rte_pktmbuf_data_len(payloads[i]),
           .sealed = meta.sealed,
           .reserved = meta.counter_reserved,
           .wants_report = meta.completion,
           .slot = meta.slot,
           .generation = meta.generation};
    FindSendSession(&job);
    const wire::Drop obstacle = Obstacle(job);
    if (obstacle == wire::Drop::kNone) continue;
    RefuseJob(&job, obstacle);
    out_.Resize(static_cast<uint16_t>(out_.size() - 1));
  }
  PushReports();
  stages_.Lap(Stage::kTake, static_cast<uint32_t>(taken));
  return !out_.empty();
}

void Worker::FindSendSession(OutJob* job) const {
  if (job->sealed) return;
  if (job->reserved) {
    const OutboundMeta& meta = MetaOf(job->payload).out;
    const SessionEntry* entry = forwarding_->FindSession(meta.session_index);
    job->session = entry != nullptr ? entry->session.get() : nullptr;
    job->counter = meta.counter;
  } else if (job->peer != nullptr) {
    job->session = job->peer->session;
  }
}

// Why the payload cannot be sent, before a counter is taken for it; kCount where it can.
wire::Drop Worker::Obstacle(const OutJob& job) const {
  if (!job.sealed && job.session == nullptr) return wire::Drop::kNoSession;
  if (job.peer == nullptr || job.peer->copies == 0) return wire::Drop::kNoPath;
  if (!job.sealed && (rte_pktmbuf_headroom(job.payload) < wire::kDataHeaderSize ||
                      rte_pktmbuf_tailroom(job.payload) < wire::kTagSize)) {
    return wire::Drop::kTooLarge;
  }
  return wire::Drop::kNone;
}

void Worker::Seal() {
  ReserveCounters();
  uint16_t jobs = 0;
  for (OutJob& job : out_) {
    if (job.sealed) continue;
    const uint32_t text_size = job.size;
    uint8_t* const header = Widen(&job);
    wire::WriteDataHeader({.receiver_index = job.session->remote_index(), .counter = job.counter},
                          header);
    jobs_[jobs++] = {.key = &job.session->seal_key(),
                     .counter = job.counter,
                     .header = header,
                     .text = header + wire::kDataHeaderSize,
                     .text_size = text_size};
    job.sealed = true;
  }
  RunEngine(wire::Direction::kSeal, {jobs_.data(), jobs});
  stages_.Lap(Stage::kSeal, jobs);
}

// One addition for each session of the burst, which mostly is one. A used-up session refuses its
// payloads here.
void Worker::ReserveCounters() {
  uint16_t kept = 0;
  for (uint16_t first = 0; first < out_.size();) {
    wire::Session* const session = out_[first].session;
    const auto needs = [](const OutJob& job) { return !job.sealed && !job.reserved; };
    uint16_t last = first;
    uint32_t count = 0;
    for (; last < out_.size() && out_[last].session == session; ++last)
      count += needs(out_[last]) ? 1 : 0;
    std::optional<uint64_t> counter;
    if (count > 0) counter = session->ReserveCounters(count);
    for (uint16_t i = first; i < last; ++i) {
      if (needs(out_[i])) {
        if (!counter) {
          RefuseJob(&out_[i], wire::Drop::kNoSession);
          continue;
        }
        out_[i].counter = (*counter)++;
      }
      out_.Keep(i, kept++);
    }
    first = last;
  }
  out_.Resize(kept);
  PushReports();
}

}  // namespace warp::lcore
