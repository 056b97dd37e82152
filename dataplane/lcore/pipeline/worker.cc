#include "dataplane/lcore/pipeline/worker.h"

#include <poll.h>
#include <rte_cycles.h>
#include <rte_pause.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <utility>

namespace warp::lcore {

Worker::Worker(WorkerId id, const Shared& shared, std::unique_ptr<wire::AeadEngine> engine,
               PoolPtr header_pool, Polling polling)
    : id_(id),
      shared_(shared),
      spin_(polling == Polling::kBusy),
      idle_turns_(polling == Polling::kInterrupt ? 1 : kIdleTurns),
      several_(shared.exchange->lanes.size() > 1),
      ns_per_cycle_(1e9 / static_cast<double>(rte_get_tsc_hz())),
      lane_(*shared.exchange->lanes[id]),
      engine_(std::move(engine)),
      header_pool_(std::move(header_pool)),
      rang_workers_(shared.exchange->lanes.size()),
      legs_(shared.exchange->lanes.size()),
      tx_(shared.max_ports),
      watch_(shared.max_ports + 1) {}

uint32_t Worker::RunOnce() {
  forwarding_ = &shared_.publisher->Acquire();
  work_ = 0;
  stages_.BeginTurn();
  deferring_ ^= 1;
  for (const PortView& port : forwarding_->PortsOf(id_)) {
    Receive(port);
    Classify(port);
    OpenNew(port, several_);
  }
  Revisit();
  SendFrames();
  if (TakePayloads()) {
    Seal();
    Spread();
    SendCopies();
  }
  for (WorkerId from = 0; from < legs_.size(); ++from) {
    if (TakeLegs(from)) SendCopies();
  }
  RingBells();
  shared_.publisher->Quiescent(id_);
  heartbeat_.Add();
  stages_.EndTurn(work_);
  return work_;
}

void Worker::OpenNew(const PortView& port, bool defer) {
  while (Look(port)) {
    if (defer) Defer(port);
    Open(port);
    Claim(port);
    Deliver(port);
  }
}

void Worker::SendCopies() {
  Replicate();
  Transmit();
  Complete();
}

void Worker::Run() {
  shared_.publisher->Online(id_);
  uint32_t idle = 0;
  while (!stop_.load(std::memory_order_relaxed)) {
    if (RunOnce() > 0) {
      idle = 0;
    } else if (spin_ || ++idle < idle_turns_) {
      Rest();
    } else {
      Sleep();
    }
  }
  shared_.publisher->Offline(id_);
}

// Between two looks for work. Where others share the CPU they go first: what they do may be what this worker waits for.
void Worker::Rest() {
  if (spin_) {
    rte_pause();
  } else {
    sched_yield();
  }
}

void Worker::Stop() {
  stop_.store(true, std::memory_order_relaxed);
  lane_.bell.Ring();
}

// The rings are looked at by one more turn after the flag is set; frames that arrive later than
// that turn are seen by poll, which looks at the descriptors of the ports when it begins.
void Worker::Sleep() {
  lane_.bell.Arm();
  if (RunOnce() == 0 && !stop_.load(std::memory_order_relaxed)) {
    WatchPorts(lane_.bell.fd());
    asleep_.store(true, std::memory_order_relaxed);
    shared_.publisher->Offline(id_);
    WaitForWork(std::chrono::milliseconds(kSleepMs));
    shared_.publisher->Online(id_);
    asleep_.store(false, std::memory_order_relaxed);
  }
  lane_.bell.Disarm();
}

// The caller is the thread that fills this worker's rings, so nothing can come in by them, nor can a
// table be replaced, meanwhile.
bool Worker::Wait(int fd, std::chrono::nanoseconds timeout) {
  forwarding_ = &shared_.publisher->Acquire();
  WatchPorts(fd);
  WaitForWork(timeout);
  return (watch_[0].revents & POLLIN) != 0;
}

// While the table is still held: descriptors are copied, so that none is read from a port that
// control has closed since.
void Worker::WatchPorts(int other_fd) {
  const bool failed = std::exchange(poll_failed_, false);
  nap_ = false;
  watched_ = 0;
  watch_[watched_++] = {.fd = other_fd, .events = POLLIN, .revents = 0};
  for (const PortView& port : forwarding_->PortsOf(id_)) {
    if (failed) port.port->ClearPollError();
    if (port.port->poll_fd() < 0) {
      nap_ = true;
    } else {
      watch_[watched_++] = {.fd = port.port->poll_fd(), .events = POLLIN, .revents = 0};
    }
  }
}

void Worker::WaitForWork(std::chrono::nanoseconds limit) {
  if (nap_) limit = std::min<std::chrono::nanoseconds>(limit, std::chrono::microseconds(kNapUs));
  const timespec time = {.tv_sec = limit.count() / 1'000'000'000,
                         .tv_nsec = limit.count() % 1'000'000'000};
  ppoll(watch_.data(), watched_, &time, nullptr);
  for (nfds_t i = 0; i < watched_; ++i) {
    if ((watch_[i].revents & POLLERR) != 0) poll_failed_ = true;
  }
  heartbeat_.Add();
}

void Worker::RingBells() {
  if (std::exchange(rang_control_, false)) shared_.exchange->control_bell.Ring();
  for (WorkerId to = 0; to < rang_workers_.size(); ++to) {
    if (std::exchange(rang_workers_[to], uint8_t{0}) != 0) shared_.exchange->lanes[to]->bell.Ring();
  }
}

void Worker::RunEngine(wire::Direction direction, std::span<wire::AeadJob> jobs) {
  wire::AeadJob* done[kBurst];
  size_t collected = 0;
  for (size_t submitted = 0; collected < jobs.size();) {
    submitted += engine_->Submit(direction, jobs.subspan(submitted));
    collected += engine_->Collect(done);
  }
}

void Worker::Count(PortSlot* slot, wire::Drop reason, uint64_t count) {
  drops_.Add(reason, count);
  if (slot != nullptr) slot->counters->drops.Add(reason, count);
}

void Worker::Discard(PortSlot* slot, wire::Drop reason, rte_mbuf* packet) {
  Count(slot, reason);
  rte_pktmbuf_free(packet);
}

}  // namespace warp::lcore
