#include "dataplane/lcore/pipeline/worker.h"

#include <poll.h>
#include <rte_pause.h>
#include <sched.h>
#include <time.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "dataplane/os/stop_point.h"

namespace warp::lcore {

Worker::Worker(WorkerId id, const Context& context, std::unique_ptr<wire::AeadEngine> engine,
               PoolPtr header_pool, Polling polling)
    : id_(id),
      lane_(*context.exchange->lanes[id]),
      spin_(polling == Polling::kBusy),
      idle_turns_(polling == Polling::kInterrupt ? 1 : kIdleTurns),
      workers_(static_cast<uint16_t>(context.exchange->lanes.size())),
      turn_(id, *context.publisher, *context.exchange, std::move(engine)),
      ingress_(turn_, lane_, *context.firsts, /*defers=*/workers_ > 1),
      egress_(turn_, *context.exchange, std::move(header_pool), context.max_ports),
      watch_(context.max_ports + 1) {}

uint32_t Worker::RunOnce() {
  turn_.Begin();
  for (const PortView& port : turn_.ports()) {
    ingress_.Receive(port);
    ingress_.Classify(port);
    ingress_.OpenNew(port);
  }
  ingress_.Revisit();
  egress_.SendFrames();
  if (egress_.TakePayloads()) {
    egress_.Seal();
    egress_.Spread();
    egress_.SendCopies();
  }
  for (WorkerId from = 0; from < workers_; ++from) {
    if (egress_.TakeLegs(from)) egress_.SendCopies();
  }
  assert(ingress_.idle() && egress_.idle());
  heartbeat_.Add();
  return turn_.End();
}

void Worker::Run() {
  turn_.DetachFromThread();  // of the thread that ran it before, if one did
  turn_.reader().Online();
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
  turn_.reader().Offline();
  turn_.DetachFromThread();
}

// The time between two looks for work. Where others share the CPU they go first: this worker may be waiting for what
// they do.
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

// One more turn looks at the rings after the flag is set. Frames that arrive later than that turn are seen by poll,
// which looks at the descriptors of the ports when it begins.
void Worker::Sleep() {
  lane_.bell.Arm();
  if (RunOnce() == 0 && !stop_.load(std::memory_order_relaxed)) {
    WARP_STOP_POINT(worker_looked);
    WatchPorts(lane_.bell.fd());
    WARP_STOP_POINT(worker_watched);
    asleep_.store(true, std::memory_order_relaxed);
    WARP_STOP_POINT(worker_asleep);
    turn_.reader().Offline();
    WARP_STOP_POINT(worker_offline);
    WaitForWork(std::chrono::milliseconds(kSleepMs));
    WARP_STOP_POINT(worker_woken);
    turn_.reader().Online();
    WARP_STOP_POINT(worker_online);
    asleep_.store(false, std::memory_order_relaxed);
  }
  WARP_STOP_POINT(worker_awake);
  lane_.bell.Disarm();
}

// The caller fills this worker's rings and publishes its tables, so that neither can change meanwhile. The worker is
// offline between its turns.
bool Worker::Wait(int fd, std::chrono::nanoseconds timeout) {
  WatchPorts(fd);
  turn_.reader().Offline();
  WaitForWork(timeout);
  return (watch_[0].revents & POLLIN) != 0;
}

// Copies the descriptors out of the table, since control may close a port, and free the table, once the worker has let
// go of it. The table of the turn before is not held any more, so that it is taken anew.
void Worker::WatchPorts(int other_fd) {
  const bool failed = std::exchange(poll_failed_, false);
  nap_ = false;
  watched_ = 0;
  watch_[watched_++] = {.fd = other_fd, .events = POLLIN, .revents = 0};
  TableReader& reader = turn_.reader();
  reader.Take();
  for (const PortView& port : reader.table().PortsOf(id_)) {
    if (failed) port.port->ClearPollError();
    if (port.port->poll_fd() < 0) {
      nap_ = true;
    } else {
      assert(watched_ < watch_.size());
      watch_[watched_++] = {.fd = port.port->poll_fd(), .events = POLLIN, .revents = 0};
    }
  }
  reader.LetGo();
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

}  // namespace warp::lcore
