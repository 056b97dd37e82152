// Out 6: says what became of the payload. Each worker that sent copies of it reports once, and the first report that
// says `taken` gives the gate its credit. Where no port of any worker took it, the last worker to finish hands the
// sealed payload back with its report, for control to submit again under the same counter. A payload that was refused
// before it was sealed goes back as it came. A silent worker holds up no report but its own.
//
// Workers count a drop only for a payload that nobody asked a report of. Every other payload still is control's, which
// either tries it again or counts it; otherwise it would be counted twice.
#include <cassert>

#include "dataplane/lcore/pipeline/out/egress.h"
#include "dataplane/os/stop_point.h"

namespace warp::lcore {

void Egress::Complete() {
  for (OutJob& job : jobs_) FinishJob(&job);
  PushReports();
  turn_.Lap(Stage::kComplete, jobs_.size());
  jobs_.Clear();
}

// Ends a job for which no counter was spent.
void Egress::RefuseJob(OutJob* job, wire::Drop reason) {
  job->reason = reason;
  if (!job->wants_report) turn_.Count(nullptr, reason);
  FinishJob(job);
}

// Ends a job of which this worker has done its part. The payload is freed or handed on, and no more ours.
void Egress::FinishJob(OutJob* job) {
  if (!job->sole) return FinishLeg(job->payload, job->taken, job->reason);
  // What is late stays late. A payload without room for its tag will have none later. Neither is handed back.
  const bool give_back =
      !job->taken && job->wants_report && job->reason != wire::Drop::kDeadline &&
      (job->sealed || job->reason != wire::Drop::kTooLarge || job->HasRoomToSeal());
  // The pair of what was counted on before the copies left: all references were released.
  assert(!give_back || (job->owned && rte_mbuf_refcnt_read(job->payload) == 1));
  if (job->wants_report) {
    Report& report = AddReport();
    report.payload = give_back ? job->payload : nullptr;
    report.ticket = job->ticket;
    report.reports = 1;
    report.taken = job->taken;
    report.sealed = job->sealed;
    report.reason = job->taken ? wire::Drop::kNone : job->reason;
  }
  if (!give_back && job->owned) rte_pktmbuf_free(job->payload);
}

// Ends one of several legs, or a sole one that never reached its worker. Afterwards the payload is not ours to touch:
// it belongs to the leg that finishes last. When no leg's port took a copy, all references but the payload's own were
// released before the legs finished, so that a payload that goes back to control is control's alone.
void Egress::FinishLeg(rte_mbuf* payload, bool taken, wire::Drop reason) {
  OutboundMeta& meta = MetaOf(payload).out;
  const bool wanted = meta.completion;
  Report* const report = wanted ? &AddReport() : nullptr;
  if (wanted) {
    report->payload = nullptr;
    report->ticket = meta.ticket;
    report->reports = meta.legs;
    report->taken = taken;
    report->sealed = true;
    report->reason = taken ? wire::Drop::kNone : reason;
  }
  if (taken || reason != wire::Drop::kTooLarge) {
    meta.outcome.fetch_or(taken ? OutboundMeta::kTaken : OutboundMeta::kMayBeTriedAgain,
                          std::memory_order_relaxed);
  }
  const uint8_t pending =
      meta.legs == 1 ? uint8_t{1} : meta.pending.fetch_sub(1, std::memory_order_acq_rel);
  assert(pending > 0);
  const bool last = pending == 1;
  if (!last) return;
  const uint8_t outcome = meta.outcome.load(std::memory_order_relaxed);
  if (wanted && (outcome & OutboundMeta::kTaken) == 0) {
    assert(rte_mbuf_refcnt_read(payload) == 1);
    report->payload = payload;
    // It is too large for good only where all legs say so.
    if (reason == wire::Drop::kTooLarge && outcome != 0) report->reason = wire::Drop::kTxFull;
  } else {
    rte_pktmbuf_free(payload);
  }
}

// The caller fills in every field of the report where it stands (docs/decisions.md, *store forwarding*).
Report& Egress::AddReport() {
  if (reports_.size() == kBurst) PushReports();
  return reports_.Add();
}

void Egress::PushReports() {
  if (reports_.empty()) return;
  // What is taken is never more than there is room to report.
  [[maybe_unused]] const size_t pushed = lane_.completions.Push({reports_.begin(), reports_.end()});
  assert(pushed == reports_.size());
  WARP_STOP_POINT(burst_reported);
  turn_.WakeControl();
  reports_.Clear();
}

}  // namespace warp::lcore
