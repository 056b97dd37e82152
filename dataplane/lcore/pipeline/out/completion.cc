// Out 6: what became of the payload. Each lcore that sent copies of it reports once; the first that
// says `taken` gives the gate its credit. Where no port of any of them took it, the last to finish
// hands the sealed payload back with its report, for control to submit again under the same
// counter. One that was refused before it was sealed goes back as it came. A silent lcore holds up
// no report but its own.
//
// Counted as a drop is here only what nobody asked a report of: everything else is still control's,
// to try again or to name.
#include "dataplane/lcore/pipeline/worker.h"

namespace warp::lcore {

void Worker::Complete() {
  for (OutJob& job : out_) FinishJob(&job);
  PushReports();
  stages_.Lap(Stage::kComplete, out_.size());
  out_.Clear();
}

// Ends a job before a counter is spent for it.
void Worker::RefuseJob(OutJob* job, wire::Drop reason) {
  job->reason = reason;
  if (!job->wants_report) Count(nullptr, reason);
  FinishJob(job);
}

// A job of which this worker is done: its payload is freed or handed on.
void Worker::FinishJob(OutJob* job) {
  if (!job->sole) return FinishLeg(job->payload, job->taken, job->reason);
  // What has no room for its tag will have none later.
  const bool give_back =
      !job->taken && job->wants_report && (job->sealed || job->reason != wire::Drop::kTooLarge);
  if (job->wants_report) {
    Report& report = AddReport();
    report.payload = give_back ? job->payload : nullptr;
    report.slot = job->slot;
    report.generation = job->generation;
    report.reports = 1;
    report.taken = job->taken;
    report.sealed = job->sealed;
    report.reason = job->taken ? wire::Drop::kNone : job->reason;
  }
  if (!give_back && job->owned) rte_pktmbuf_free(job->payload);
}

// One of several legs, or a sole one that never reached its worker. Afterwards the payload is not
// ours to touch: it belongs to the leg that finishes last. When no leg's port took a copy, all
// references but the payload's own were released before the legs finished, so what goes back to
// control is control's alone.
void Worker::FinishLeg(rte_mbuf* payload, bool taken, wire::Drop reason) {
  OutboundMeta& meta = MetaOf(payload).out;
  const bool wanted = meta.completion;
  Report* const report = wanted ? &AddReport() : nullptr;
  if (wanted) {
    report->payload = nullptr;
    report->slot = meta.slot;
    report->generation = meta.generation;
    report->reports = meta.legs;
    report->taken = taken;
    report->sealed = true;
    report->reason = taken ? wire::Drop::kNone : reason;
  }
  if (taken) meta.any_taken.store(1, std::memory_order_relaxed);
  const bool last = meta.legs == 1 || meta.pending.fetch_sub(1, std::memory_order_acq_rel) == 1;
  if (!last) return;
  if (wanted && meta.any_taken.load(std::memory_order_relaxed) == 0) {
    report->payload = payload;
  } else {
    rte_pktmbuf_free(payload);
  }
}

Report& Worker::AddReport() {
  if (reports_.size() == kBurst) PushReports();
  return reports_.Add();
}

void Worker::PushReports() {
  if (reports_.empty()) return;
  const size_t pushed = lane_.completions.Push({reports_.begin(), reports_.end()});
  if (pushed > 0) rang_control_ = true;
  for (size_t i = pushed; i < reports_.size(); ++i) {
    Count(nullptr, wire::Drop::kControlFull);
    if (reports_[i].payload != nullptr) rte_pktmbuf_free(reports_[i].payload);
  }
  reports_.Clear();
}

}  // namespace warp::lcore
