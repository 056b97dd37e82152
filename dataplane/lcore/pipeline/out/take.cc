// Out 3: takes a burst of payloads from control. A payload that cannot be sent is refused here, before a counter is
// spent for it. What is late has ended: control need not guess what became of it, however long the worker stood still.
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <algorithm>
#include <span>

#include "dataplane/lcore/pipeline/out/egress.h"
#include "dataplane/os/stop_point.h"
#include "dataplane/wire/constants.h"
#include "dataplane/wire/message.h"

namespace warp::lcore {

namespace {

uint32_t SealedSize(rte_mbuf* payload) {
  const uint32_t size = rte_pktmbuf_data_len(payload);
  return MetaOf(payload).out.sealed ? size : size + uint32_t{wire::kMinSealedSize};
}

}  // namespace

bool Egress::TakePayloads() {
  jobs_.Clear();
  // Each worker with copies of a payload has one report, which this one makes in its place where it cannot be reached.
  const size_t room = lane_.completions.Room() / legs_.size();
  rte_mbuf* payloads[kBurst];
  const size_t taken =
      lane_.payloads.Pop(std::span(payloads).first(std::min<size_t>(kBurst, room)));
  turn_.AddWork(static_cast<uint32_t>(taken));
  if (taken > 0) {
    WARP_STOP_POINT(burst_taken);
    turn_.ReadTime();
  }
  // Control wrote them last, on another core: all are fetched before the first is looked at.
  for (size_t i = 0; i < taken; ++i) {
    rte_prefetch0(payloads[i]);
    rte_prefetch0(&MetaOf(payloads[i]));
  }
  for (size_t i = 0; i < taken; ++i) {
    const OutboundMeta& meta = MetaOf(payloads[i]).out;
    OutJob& job = jobs_.Add();
    job = {.payload = payloads[i],
           .peer = turn_.forwarding().FindPeer(meta.peer, SealedSize(payloads[i]), meta.paths),
           .size = rte_pktmbuf_data_len(payloads[i]),
           .traffic_class = meta.traffic_class,
           .sealed = meta.sealed,
           .reserved = meta.counter_reserved,
           .wants_report = meta.completion,
           .masked = meta.paths != wire::kAllPaths};
    // Within the braces it would make GCC build the job elsewhere and copy it by loads wider than the stores
    // (docs/decisions.md, *store forwarding*).
    job.ticket = meta.ticket;
    FindSendSession(&job);
    const wire::Drop obstacle = turn_.now() < meta.deadline ? Obstacle(job) : wire::Drop::kDeadline;
    if (obstacle == wire::Drop::kNone) continue;
    RefuseJob(&job, obstacle);
    jobs_.Resize(static_cast<uint16_t>(jobs_.size() - 1));
  }
  PushReports();
  turn_.Lap(Stage::kTake, static_cast<uint32_t>(taken));
  return !jobs_.empty();
}

void Egress::FindSendSession(OutJob* job) const {
  if (job->sealed) return;
  if (job->reserved) {
    const OutboundMeta& meta = MetaOf(job->payload).out;
    const SessionEntry* entry = turn_.forwarding().FindSession(meta.session_index);
    job->session = entry != nullptr ? entry->session.get() : nullptr;
    job->counter = meta.counter;
  } else if (job->peer != nullptr) {
    job->session = job->peer->session;
  }
}

// Why the payload cannot be sent, found out before a counter is taken for it; kNone where it can.
wire::Drop Egress::Obstacle(const OutJob& job) const {
  if (!job.sealed && job.session == nullptr) return wire::Drop::kNoSession;
  if (job.peer == nullptr || !job.peer->Carries(job.paths())) return wire::Drop::kNoPath;
  if (!job.sealed && !job.HasRoomToSeal()) return wire::Drop::kTooLarge;
  // Whoever chose the paths can choose others. Where all may carry it, the widest has the last word (FindPeer).
  if (job.masked && SealedSize(job.payload) > job.peer->max_datagram) return wire::Drop::kTooLarge;
  return wire::Drop::kNone;
}

}  // namespace warp::lcore
