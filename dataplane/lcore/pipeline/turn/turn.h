// One turn of a worker's loop, as its stages see it: the table they forward by, the time, the engine, and the counts of
// what they did. The inbound and the outbound stages share nothing else (in/ingress.h, out/egress.h).
//
// Every member belongs to the worker's thread. Counters are written by that thread and may be read by any.
#ifndef WARP_DATAPLANE_LCORE_PIPELINE_TURN_TURN_H_
#define WARP_DATAPLANE_LCORE_PIPELINE_TURN_TURN_H_

#include <rte_mbuf.h>

#include <array>
#include <cassert>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/strings/string_view.h"
#include "dataplane/facade/counters.h"
#include "dataplane/lcore/constants.h"
#include "dataplane/lcore/exchange/exchange.h"
#include "dataplane/lcore/exchange/publisher.h"
#include "dataplane/lcore/exchange/table_reader.h"
#include "dataplane/lcore/pipeline/turn/stage_clock.h"
#include "dataplane/os/thread_checker.h"
#include "dataplane/wire/crypto/aead.h"

namespace warp::lcore {

class Turn {
 public:
  // `publisher` and `exchange` outlive the turn.
  Turn(WorkerId id, Publisher& publisher, Exchange& exchange,
       std::unique_ptr<wire::AeadEngine> engine);
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  // --- The worker, before and after the stages. ---
  // Takes hold of the current forwarding table.
  void Begin();
  // Rings the sleepers that were given something and lets go of the table. Returns how many packets the turn moved.
  uint32_t End();
  // For what the worker does with tables outside of its turns.
  TableReader& reader() { return reader_; }
  // Another thread takes the worker over: the next one that begins a turn.
  void DetachFromThread() { thread_.Detach(); }

  // --- The stages, between Begin and End. ---
  WorkerId id() const { return id_; }
  const ForwardingTable& forwarding() const { return reader_.table(); }
  // The ports that this worker polls.
  std::span<const PortView> ports() const { return forwarding().PortsOf(id_); }
  // The time-stamp counter when the last burst was received or taken from control.
  uint64_t now() const { return now_; }
  void ReadTime();
  // Whether the keys are past their end at that time.
  bool HasExpired(const wire::Session& session) const { return session.has_expired(time_); }
  // The turn has moved `packets` more.
  void AddWork(uint32_t packets) { work_ += packets; }
  void Lap(Stage stage, uint32_t packets) { stages_.Lap(stage, packets); }

  // Jobs of one burst for the engine, filled from the front, and their execution. The stages `open` and `seal` use the
  // same array one after the other.
  std::array<wire::AeadJob, kBurst>& jobs() { return jobs_; }
  void RunEngine(wire::Direction direction, uint16_t count);

  // Something was pushed into one of the rings to control, or to another worker: its sleeper is rung at the end of the
  // turn.
  void WakeControl() { wake_control_ = true; }
  void WakeWorker(WorkerId worker) { wake_workers_[worker] = 1; }

  // Every packet that ends without being sent or delivered is counted here, under its reason. `slot` is null where no
  // port is concerned.
  void Count(PortSlot* slot, wire::Drop reason, uint64_t count = 1);
  // Counts the packet and frees it.
  void Discard(PortSlot* slot, wire::Drop reason, rte_mbuf* packet);

  // --- Any thread. ---
  uint64_t Drops(wire::Drop drop) const { return drops_.Get(drop); }
  absl::string_view engine_name() const { return engine_->name(); }
  const StageClock& stages() const { return stages_; }
  // Benchmarks and tests, while nobody else runs the worker.
  StageClock& stages() { return stages_; }

 private:
  void RingBells();

  const WorkerId id_;
  TableReader reader_;  // holds no table between turns, when control may free it
  Exchange& exchange_;
  const std::unique_ptr<wire::AeadEngine> engine_;

  uint64_t now_ = 0;
  uint32_t work_ = 0;
  bool wake_control_ = false;
  std::vector<uint8_t> wake_workers_;  // by WorkerId

  StageClock stages_;
  std::array<wire::AeadJob, kBurst> jobs_;
  DropCounters drops_;
  wire::Instant time_{};  // what now_ means by the clock of the table of its turn
  os::ThreadChecker thread_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PIPELINE_TURN_TURN_H_
