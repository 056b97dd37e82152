#include "dataplane/lcore/plane/dpdk_dataplane.h"

#include <rte_cycles.h>
#include <rte_launch.h>

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/lcore/constants.h"
#include "dataplane/lcore/memory/eal.h"
#include "dataplane/lcore/plane/open_port.h"
#include "dataplane/os/boot_clock.h"

namespace warp::lcore {
namespace {

// The time now, for the workers to go on from.
CycleClock SetCycleClock() { return {os::Now(), rte_rdtsc(), rte_get_tsc_hz()}; }

}  // namespace

DpdkDataplane::DpdkDataplane(const DataplaneOptions& options, const PoolPlan& plan)
    : options_(options),
      plan_(plan),
      slots_(options.max_ports),
      exchange_(std::make_unique<Exchange>(options.worker_cpus.size(), options.ring_size)),
      skew_(std::make_unique<SkewTable>()),
      to_wake_(options.worker_cpus.size()) {}

absl::StatusOr<std::unique_ptr<DpdkDataplane>> DpdkDataplane::Create(
    const DataplaneOptions& options) {
  const size_t workers = options.worker_cpus.size();
  if (workers == 0 || workers > options.max_ports) {
    return absl::InvalidArgumentError(
        absl::StrCat(workers, " workers: there must be between one and max_ports (",
                     options.max_ports, ") of them"));
  }
  std::unique_ptr<DpdkDataplane> plane(new DpdkDataplane(options, PlanPools(options)));
  absl::StatusOr<PoolPtr> payloads = CreatePayloadPool(plane->plan_);
  if (!payloads.ok()) return payloads.status();
  plane->payload_pool_ = *std::move(payloads);

  std::vector<Publisher::SessionRing> rings;
  for (const std::unique_ptr<Lane>& lane : plane->exchange_->lanes) {
    rings.push_back({.pushed = [&ring = lane->opened] { return ring.pushed(); },
                     .popped = [&ring = lane->opened] { return ring.popped(); }});
    if (lane->bell.fd() < 0)
      return absl::ResourceExhaustedError("no file descriptor left for a worker's eventfd");
  }
  if (plane->wake_fd() < 0)
    return absl::ResourceExhaustedError("no file descriptor left for the control thread's eventfd");
  plane->publisher_ = std::make_unique<Publisher>(
      static_cast<uint16_t>(workers),
      std::make_unique<ForwardingTable>(std::make_unique<Snapshot>(), plane->slots_,
                                        static_cast<uint16_t>(workers), SetCycleClock()),
      std::move(rings));

  if (options.engine == wire::EngineKind::kCryptodev) {
    absl::StatusOr<std::shared_ptr<CryptoDevice>> device =
        CryptoDevice::Open(options.crypto_device, static_cast<uint16_t>(workers));
    if (!device.ok()) return device.status();
    plane->crypto_device_ = *std::move(device);
    wire::SetKeyDevice(plane->crypto_device_.get());
  }
  for (WorkerId id = 0; id < workers; ++id) {
    absl::StatusOr<std::unique_ptr<wire::AeadEngine>> engine =
        plane->crypto_device_ != nullptr ? plane->crypto_device_->MakeEngine(id)
                                         : wire::MakeEngine(options.engine);
    if (!engine.ok()) return engine.status();
    absl::StatusOr<PoolPtr> headers = CreateHeaderPool(plane->plan_, id);
    if (!headers.ok()) return headers.status();
    const Polling polling = options.polling.value_or(
        options.worker_cpus[id] >= 0 ? Polling::kBusy : Polling::kAdaptive);
    plane->workers_.push_back(
        std::make_unique<Worker>(id,
                                 Worker::Context{.publisher = plane->publisher_.get(),
                                                 .exchange = plane->exchange_.get(),
                                                 .skew = plane->skew_.get(),
                                                 .max_ports = options.max_ports},
                                 *std::move(engine), *std::move(headers), polling));
  }
  return plane;
}

absl::Status DpdkDataplane::Launch() {
  if (options_.inline_worker) return absl::OkStatus();
  for (WorkerId id = 0; id < workers(); ++id) {
    const auto run = [](void* worker) {
      static_cast<Worker*>(worker)->Run();
      return 0;
    };
    if (rte_eal_remote_launch(run, workers_[id].get(), EalLcore(id)) != 0) {
      return absl::InternalError(absl::StrCat("cannot start worker ", id, ": its lcore is busy"));
    }
    launched_ = true;
  }
  return absl::OkStatus();
}

// The workers end first, since they alone touch the queues. What they left in the rings is freed next, then devices,
// tables and pools.
DpdkDataplane::~DpdkDataplane() {
  for (const std::unique_ptr<Worker>& worker : workers_) worker->Stop();
  if (launched_) rte_eal_mp_wait_lcore();
  if (crypto_device_ != nullptr) wire::SetKeyDevice(nullptr);
  Drain();
  for (PortSlot& slot : slots_) slot.port.reset();
}

void DpdkDataplane::Drain() {
  const auto free_all = [](auto& ring) {
    for (rte_mbuf* packet; ring.Pop({&packet, 1}) == 1;) rte_pktmbuf_free(packet);
  };
  for (const std::unique_ptr<Lane>& lane : exchange_->lanes) {
    free_all(lane->payloads);
    free_all(lane->opened);
    for (HandshakeRing& ring : lane->handshakes) free_all(ring);
    free_all(lane->foreign);
    for (FrameItem item; lane->frames.Pop({&item, 1}) == 1;) rte_pktmbuf_free(item.frame);
    for (Report report; lane->completions.Pop({&report, 1}) == 1;) {
      if (report.payload != nullptr) rte_pktmbuf_free(report.payload);
    }
  }
  refused_.clear();
  // Payloads in the rings between workers need no hand of ours: their memory goes with their pool.
}

// --- Ports. ---

absl::StatusOr<WorkerId> DpdkDataplane::WorkerFor(int cpu) const {
  if (cpu >= 0) {
    const auto owner = std::find(options_.worker_cpus.begin(), options_.worker_cpus.end(), cpu);
    if (owner == options_.worker_cpus.end()) {
      return absl::InvalidArgumentError(absl::StrCat("no worker owns CPU ", cpu));
    }
    return static_cast<WorkerId>(owner - options_.worker_cpus.begin());
  }
  // A worker that does not let go of a port stands still, and is the last to be given another.
  std::vector<size_t> load(workers_.size());
  for (const PortSlot& slot : slots_) {
    if (slot.port != nullptr) load[slot.worker] += slot.closing.has_value() ? slots_.size() : 1;
  }
  return static_cast<WorkerId>(std::min_element(load.begin(), load.end()) - load.begin());
}

absl::StatusOr<PortId> DpdkDataplane::AddPort(const PortSpec& spec, int cpu) {
  assert(control_.IsCurrent());
  CloseReleased();
  // One name has one slot at most. So a port that comes and goes while its worker stands still leaves the slots of the
  // other ports alone, and finds its device free when it is opened again.
  for (const PortSlot& slot : slots_) {
    if (slot.closing.has_value() && slot.port->spec().name == spec.name) {
      return absl::AbortedError(absl::StrCat("port ", spec.name, ": worker ", slot.worker,
                                             " has not let go of it since it was closed"));
    }
  }
  absl::StatusOr<WorkerId> worker = WorkerFor(cpu);
  if (!worker.ok()) return worker.status();
  const auto slot = std::find_if(slots_.begin(), slots_.end(),
                                 [](const PortSlot& s) { return s.port == nullptr; });
  if (slot == slots_.end()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("all ", slots_.size(), " ports (max_ports) are in use"));
  }
  const auto id = static_cast<PortId>(slot - slots_.begin());
  if (slot->rx_pool == nullptr) {
    absl::StatusOr<PoolPtr> pool = CreateRxPool(plan_, id);
    if (!pool.ok()) return pool.status();
    slot->rx_pool = *std::move(pool);
  }
  absl::StatusOr<std::unique_ptr<Port>> port = OpenPort(spec, id, slot->rx_pool.get());
  if (!port.ok()) return port.status();
  slot->port = *std::move(port);
  slot->worker = *worker;
  slot->counters = std::make_unique<PortSlot::Counters>();
  ++slot->generation;
  return id;
}

absl::Status DpdkDataplane::RemovePort(PortId port) {
  assert(control_.IsCurrent());
  PortSlot* slot = FindOpen(port);
  if (slot == nullptr) return absl::NotFoundError(absl::StrCat("no port ", port));
  if (publisher_->current().FindPort(port) != nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("port ", port, " is still in the snapshot"));
  }
  slot->closing = publisher_->last_token();
  ++closing_;
  CloseReleased();
  return absl::OkStatus();
}

PortSlot* DpdkDataplane::FindOpen(PortId port) {
  if (port >= slots_.size()) return nullptr;
  PortSlot& slot = slots_[port];
  return slot.port != nullptr && !slot.closing.has_value() ? &slot : nullptr;
}

// A worker may hang in the driver of the very port that is to be closed, for as long as it likes. Therefore closing is
// a state of the port, which ends when somebody looks and the workers have let go.
void DpdkDataplane::CloseReleased() {
  if (closing_ == 0) return;
  for (PortSlot& slot : slots_) {
    if (!slot.closing.has_value() || !publisher_->HasPassed(*slot.closing)) continue;
    slot.port.reset();
    slot.closing.reset();
    --closing_;
  }
}

PortInfo DpdkDataplane::Info(PortId port) const {
  assert(control_.IsCurrent());
  const PortSlot& slot = slots_[port];
  return {.mac = slot.port->mac(),
          .mtu = slot.port->mtu(),
          .worker = slot.worker,
          .kernel_sees_frames = slot.port->kernel_sees_frames(),
          .on_wire = slot.port->on_wire(),
          .multi_segment_tx = slot.port->multi_segment_tx()};
}

PortCounters DpdkDataplane::Counters(PortId port) const {
  assert(control_.IsCurrent());
  const PortSlot& slot = slots_[port];
  PortCounters counters = slot.port->Counters();
  counters.tx_dropped += slot.counters->tx_refused.Get();
  return counters;
}

void DpdkDataplane::Publish(std::unique_ptr<const Snapshot> snapshot) {
  assert(control_.IsCurrent());
  publisher_->Publish(std::make_unique<ForwardingTable>(std::move(snapshot), slots_, workers(),
                                                        SetCycleClock(), &publisher_->current()));
  // A sleeping worker must look at ports that are new, and let go of the descriptors of ports that are gone.
  for (const std::unique_ptr<Lane>& lane : exchange_->lanes) lane->bell.Ring();
}

// --- Sleeping. ---

// Something may have come in between control's last look at the rings and the arming of the bell. It is looked for once
// more, since no bell rings for it.
bool DpdkDataplane::ArmSleep() {
  assert(control_.IsCurrent());
  exchange_->control_bell.Arm();
  bool waiting = !refused_.empty();
  for (const std::unique_ptr<Lane>& lane : exchange_->lanes) {
    waiting |= !lane->opened.empty() || !lane->foreign.empty() || !lane->completions.empty() ||
               std::any_of(lane->handshakes.begin(), lane->handshakes.end(),
                           [](const HandshakeRing& ring) { return !ring.empty(); });
    if (options_.inline_worker) waiting |= !lane->payloads.empty() || !lane->frames.empty();
  }
  if (waiting) Disarm();
  return !waiting;
}

void DpdkDataplane::Disarm() {
  assert(control_.IsCurrent());
  exchange_->control_bell.Disarm();
}

// The worker is offline between its turns. It holds nothing of a snapshot then, and a port that is removed closes at
// once.
uint32_t DpdkDataplane::TurnInlineWorker() {
  assert(control_.IsCurrent());
  if (!options_.inline_worker) return 0;
  workers_[0]->BeginTurns();
  // The worker takes as much as control gives it in one of its own turns. If it took less, the surplus would pile up
  // and end as gate_full.
  uint32_t work = 0;
  for (uint32_t i = 0; i < kInlineTurns; ++i) {
    const uint32_t moved = workers_[0]->RunOnce();
    work += moved;
    if (moved < kBurst) break;
  }
  workers_[0]->EndTurns();
  return work;
}

bool DpdkDataplane::Wait(int fd, std::chrono::nanoseconds timeout) {
  assert(control_.IsCurrent());
  return workers_[0]->Wait(fd, timeout);
}

void DpdkDataplane::FlushWakeups() {
  assert(control_.IsCurrent());
  for (WorkerId id = 0; id < workers(); ++id) {
    if (std::exchange(to_wake_[id], uint8_t{0}) != 0) exchange_->lanes[id]->bell.Ring();
  }
}

// --- Counters. ---

WorkerStatus DpdkDataplane::Status(WorkerId worker) const {
  assert(control_.IsCurrent());
  const StageClock& clock = std::as_const(*workers_[worker]).stages();
  WorkerStatus status = {.cpu = options_.worker_cpus[worker], .busy = clock.Busy(rte_rdtsc())};
  for (size_t i = 0; i < kStageCount; ++i) {
    const auto stage = static_cast<Stage>(i);
    status.stages[i] = {.packets = clock.Packets(stage), .cycles = clock.Cycles(stage)};
  }
  return status;
}

uint64_t DpdkDataplane::Drops(wire::Drop drop) const {
  assert(control_.IsCurrent());
  uint64_t sum = drops_.Get(drop);
  for (const std::unique_ptr<Worker>& worker : workers_) sum += worker->Drops(drop);
  return sum;
}

uint64_t DpdkDataplane::PortDrops(PortId port, wire::Drop drop) const {
  assert(control_.IsCurrent());
  return slots_[port].counters->drops.Get(drop);
}

}  // namespace warp::lcore
