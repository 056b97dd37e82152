// Out 3: seals a burst of payloads, each once, in place. Counters are reserved with one addition for each session of
// the burst. A payload that was sealed before, because no path took it then, passes through: sealed bytes are never
// sealed again.
#include <rte_mbuf.h>

#include <array>
#include <cassert>
#include <optional>

#include "dataplane/lcore/pipeline/out/egress.h"
#include "dataplane/wire/message.h"

namespace warp::lcore {
namespace {

// The payload's data grows by data header and tag, for which the stage `take` has seen room. Returns the header.
uint8_t* Widen(OutJob* job) {
  rte_mbuf* const payload = job->payload;
  job->size = static_cast<uint16_t>(job->size + wire::kMinSealedSize);
  payload->data_off = static_cast<uint16_t>(payload->data_off - wire::kDataHeaderSize);
  payload->data_len = job->size;
  payload->pkt_len = job->size;
  return rte_pktmbuf_mtod(payload, uint8_t*);
}

}  // namespace

void Egress::Seal() {
  ReserveCounters();
  std::array<wire::AeadJob, kBurst>& engine_jobs = turn_.jobs();
  uint16_t count = 0;
  for (OutJob& job : jobs_) {
    if (job.sealed) continue;
    // Reserved counters are below the limit; the window of the other end refuses all others.
    assert(job.counter < wire::kCounterLimit);
    const uint32_t text_size = job.size;
    uint8_t* const header = Widen(&job);
    wire::WriteDataHeader({.receiver_index = job.session->remote_index(), .counter = job.counter},
                          header);
    engine_jobs[count++] = {.key = &job.session->seal_key(),
                            .counter = job.counter,
                            .header = header,
                            .text = header + wire::kDataHeaderSize,
                            .text_size = text_size};
    job.sealed = true;
  }
  turn_.RunEngine(wire::Direction::kSeal, count);
  turn_.Lap(Stage::kSeal, count);
}

// The burst mostly is of one session, and costs one addition then. Payloads of a session that is used up, or whose keys
// have ended, are refused here.
void Egress::ReserveCounters() {
  uint16_t kept = 0;
  for (uint16_t first = 0; first < jobs_.size();) {
    wire::Session* const session = jobs_[first].session;
    const auto needs = [](const OutJob& job) { return !job.sealed && !job.reserved; };
    uint16_t last = first;
    uint32_t count = 0;
    for (; last < jobs_.size() && jobs_[last].session == session; ++last)
      count += needs(jobs_[last]) ? 1 : 0;
    // Packets that were sealed before name no session.
    const bool expired = session != nullptr && turn_.HasExpired(*session);
    std::optional<uint64_t> counter;
    if (count > 0 && !expired) counter = session->ReserveCounters(count);
    for (uint16_t i = first; i < last; ++i) {
      if (expired) {
        RefuseJob(&jobs_[i], wire::Drop::kSessionExpired);
        continue;
      }
      if (needs(jobs_[i])) {
        if (!counter) {
          RefuseJob(&jobs_[i], wire::Drop::kNoSession);
          continue;
        }
        jobs_[i].counter = (*counter)++;
      }
      jobs_.Keep(i, kept++);
    }
    first = last;
  }
  jobs_.Resize(kept);
  PushReports();
}

}  // namespace warp::lcore
