#include "dataplane/lcore/pipeline/turn/turn.h"

#include <rte_cycles.h>

#include <utility>

namespace warp::lcore {

Turn::Turn(WorkerId id, Publisher& publisher, Exchange& exchange,
           std::unique_ptr<wire::AeadEngine> engine)
    : id_(id),
      reader_(publisher, id),
      exchange_(exchange),
      engine_(std::move(engine)),
      wake_workers_(exchange.lanes.size()) {
  assert(id < exchange.lanes.size());
}

void Turn::Begin() {
  assert(thread_.IsCurrent());
  reader_.Take();
  work_ = 0;
  stages_.BeginTurn();
}

// An engine forgets keys that have ended when it is called next, be it for nothing.
uint32_t Turn::End() {
  if (work_ == 0) engine_->Submit(wire::Direction::kOpen, {});
  RingBells();
  reader_.LetGo();
  stages_.EndTurn(work_);
  return work_;
}

void Turn::ReadTime() {
  now_ = rte_rdtsc();
  time_ = forwarding().clock().At(now_);
}

void Turn::RunEngine(wire::Direction direction, uint16_t count) {
  assert(count <= kBurst);
  const std::span<wire::AeadJob> jobs(jobs_.data(), count);
  wire::AeadJob* done[kBurst];
  size_t collected = 0;
  for (size_t submitted = 0; collected < jobs.size();) {
    submitted += engine_->Submit(direction, jobs.subspan(submitted));
    collected += engine_->Collect(done);
    assert(collected <= submitted && submitted <= jobs.size());
  }
}

void Turn::RingBells() {
  if (std::exchange(wake_control_, false)) exchange_.control_bell.Ring();
  for (WorkerId to = 0; to < wake_workers_.size(); ++to) {
    if (std::exchange(wake_workers_[to], uint8_t{0}) != 0) exchange_.lanes[to]->bell.Ring();
  }
}

void Turn::Count(PortSlot* slot, wire::Drop reason, uint64_t count) {
  assert(reason != wire::Drop::kNone);
  drops_.Add(reason, count);
  if (slot == nullptr) return;
  // A counter of a port has one writer: the worker that polls the port.
  assert(slot->worker == id_);
  slot->counters->drops.Add(reason, count);
}

void Turn::Discard(PortSlot* slot, wire::Drop reason, rte_mbuf* packet) {
  assert(packet != nullptr);
  Count(slot, reason);
  rte_pktmbuf_free(packet);
}

}  // namespace warp::lcore
