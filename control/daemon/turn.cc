#include "control/daemon/turn.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <span>

#include "control/daemon/options.h"
#include "control/daemon/sleep.h"

namespace warp::control {
namespace {

using wire::Duration;
using wire::Instant;

// What is done, at most, between two looks at the payloads.
constexpr size_t kForeignPerTurn = 32;
constexpr size_t kEventsPerTurn = 64;
constexpr size_t kDatagramsPerTurn = 256;

constexpr Duration kExpiryInterval = std::chrono::seconds(1);

}  // namespace

Turn::Turn(const Parts& parts, const config::NodeConfig& config, const WorkerPlan& plan)
    : parts_(parts),
      inline_worker_(plan.inline_worker),
      spins_(ControlSpins(config, plan)),
      spin_(SpinWindowOf(config)) {}

size_t Turn::RunOnce() {
  parts_.loop.BeginTurn();
  size_t work = parts_.dataplane.TurnInlineWorker();
  work += parts_.traffic.ReceiveOpened();
  work += parts_.traffic.ReceiveCompletions();
  const size_t handshakes = ReceiveHandshakes();
  work += handshakes;
  work += ReceiveForeign();
  work += parts_.links.TakePortNews();
  work += parts_.loop.RunOnce(kEventsPerTurn);
  ServeTimers(handshakes > 0);
  Send();
  if (parts_.traffic.Submit()) {
    next_check_ = std::min(next_check_, WorkerHealth::NextCheckAfterSubmit(parts_.loop.now()));
  }
  CheckWorkers();
  Expire();
  return work;
}

// One message in a turn, since it may cost a Diffie-Hellman. The ranks take turns to come first: however many strangers
// wait, who has proven something is served in every fourth turn at least.
size_t Turn::ReceiveHandshakes() {
  if (timers_wait_) return 0;
  constexpr size_t kRanks = lcore::kHandshakeRanks.size();
  for (size_t i = 0; i < kRanks; ++i) {
    const size_t rank = (next_rank_ + i) % kRanks;
    lcore::HandshakePacket handshake;
    if (parts_.dataplane.ReceiveHandshakes(lcore::kHandshakeRanks[rank], {&handshake, 1}) == 0)
      continue;
    next_rank_ = (rank + 1) % kRanks;
    parts_.protocol.HandleHandshake(parts_.loop.now(), handshake.arrival, handshake.packet.bytes());
    return 1;
  }
  return 0;
}

size_t Turn::ReceiveForeign() {
  std::array<lcore::ForeignFrame, kForeignPerTurn> frames;
  const size_t count = parts_.dataplane.ReceiveForeign(frames);
  for (const lcore::ForeignFrame& frame : std::span(frames).first(count)) {
    parts_.links.ToKernel(frame);
  }
  return count;
}

// A turn that read a handshake message makes no initiation: each costs a Diffie-Hellman. Timers that wait for that
// reason come first in the next turn, so that a flood of messages does not hold them up.
void Turn::ServeTimers(bool read_handshake) {
  const Instant now = parts_.loop.now();
  const bool due = now >= parts_.protocol.NextTimeout();
  timers_wait_ = due && read_handshake;
  if (due && !read_handshake) parts_.protocol.HandleTimeout(now);
}

void Turn::Send() {
  parts_.links.PublishIfChanged();
  parts_.links.SendDatagrams(kDatagramsPerTurn);
}

void Turn::CheckWorkers() {
  const Instant now = parts_.loop.now();
  if (now < next_check_) return;
  parts_.links.CheckWorkers();
  const WorkerHealth& health = parts_.links.health();
  for (wire::WorkerId id = 0; id < parts_.dataplane.workers(); ++id) {
    parts_.traffic.SetSilent(id, health.silent(id));
  }
  next_check_ = health.NextCheck();
}

void Turn::Expire() {
  const Instant now = parts_.loop.now();
  if (now < next_expiry_) return;
  next_expiry_ = now + kExpiryInterval;
  parts_.traffic.Expire();
  parts_.links.Expire();
}

// --- Between turns. ---

void Turn::Rest(size_t work) {
  const Instant now = parts_.loop.now();
  if (work > 0) {
    spin_.Worked(now);
  } else if (spins_) {
    return;
  } else if (spin_.over(now)) {
    Sleep();
  } else {
    sched_yield();  // to whoever shares this CPU
  }
}

void Turn::Sleep() {
  // What expires waits for the next check of the workers.
  const Instant next =
      std::min({parts_.protocol.NextTimeout(), parts_.links.NextTimeout(), next_check_});
  SleepUntilWork(parts_.loop, parts_.dataplane, inline_worker_, next - parts_.loop.now(), spin_);
}

}  // namespace warp::control
