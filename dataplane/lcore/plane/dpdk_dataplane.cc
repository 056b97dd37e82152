#include "dataplane/lcore/plane/dpdk_dataplane.h"

#include <rte_cycles.h>
#include <rte_launch.h>

#include <algorithm>
#include <cassert>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/lcore/constants.h"
#include "dataplane/lcore/memory/eal.h"
#include "dataplane/os/boot_clock.h"

namespace warp::lcore {
namespace {

// The time now, for the workers to go on from.
CycleClock SetCycleClock() { return {os::Now(), rte_rdtsc(), rte_get_tsc_hz()}; }

}  // namespace

DpdkDataplane::DpdkDataplane(const DataplaneOptions& options)
    : options_(options),
      exchange_(std::make_shared<Exchange>(options.worker_cpus.size(), options.ring_size)),
      buffers_(std::make_unique<Buffers>(
          options, exchange_, [this](const rte_mempool* pool) { return ports_->TakesFrom(pool); })),
      ports_(std::make_unique<PortBoard>(options, *buffers_, exchange_)),
      firsts_(std::make_unique<FirstTable>()),
      to_wake_(options.worker_cpus.size()) {}

absl::StatusOr<std::unique_ptr<DpdkDataplane>> DpdkDataplane::Create(
    const DataplaneOptions& options) {
  const size_t workers = options.worker_cpus.size();
  if (workers == 0 || workers > options.max_ports) {
    return absl::InvalidArgumentError(
        absl::StrCat(workers, " workers: there must be between one and max_ports (",
                     options.max_ports, ") of them"));
  }
  std::unique_ptr<DpdkDataplane> plane(new DpdkDataplane(options));
  if (absl::Status status = plane->buffers_->Open(); !status.ok()) return status;

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
      std::make_unique<ForwardingTable>(std::make_unique<Snapshot>(), plane->ports_->slots(),
                                        static_cast<uint16_t>(workers), SetCycleClock()),
      std::move(rings));

  if (options.engine == wire::EngineKind::kCryptodev) {
    absl::StatusOr<std::shared_ptr<CryptoDevice>> device =
        CryptoDevice::Open(options.crypto_device, static_cast<uint16_t>(workers));
    if (!device.ok()) return device.status();
    plane->crypto_device_ = *std::move(device);
    wire::SetKeyDevice(plane->crypto_device_.get());
  }
  plane->engine_ = ChooseEngine(options.engine);
  for (WorkerId id = 0; id < workers; ++id) {
    absl::StatusOr<std::unique_ptr<wire::AeadEngine>> engine =
        plane->crypto_device_ != nullptr ? plane->crypto_device_->MakeEngine(id)
                                         : wire::MakeEngine(plane->engine_.kind);
    if (!engine.ok()) return engine.status();
    absl::StatusOr<PoolPtr> headers = CreateHeaderPool(plane->buffers_->plan(), id);
    if (!headers.ok()) return headers.status();
    const Polling polling = options.polling.value_or(
        options.worker_cpus[id] >= 0 ? Polling::kBusy : Polling::kAdaptive);
    plane->workers_.push_back(
        std::make_unique<Worker>(id,
                                 Worker::Context{.publisher = plane->publisher_.get(),
                                                 .exchange = plane->exchange_.get(),
                                                 .firsts = plane->firsts_.get(),
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
    ++launched_;
  }
  return absl::OkStatus();
}

// The workers end first, since they alone touch the queues. What they left in the rings is freed next, then devices,
// tables and pools.
DpdkDataplane::~DpdkDataplane() {
  for (const std::unique_ptr<Worker>& worker : workers_) worker->Stop();
  const std::vector<bool> ended = AwaitWorkers(std::chrono::steady_clock::now() + patience_);
  const bool all_ended = std::find(ended.begin(), ended.end(), false) == ended.end();
  if (crypto_device_ != nullptr) wire::SetKeyDevice(nullptr);
  if (all_ended) Drain();
  const bool closed = ports_->CloseAll(ended, std::chrono::steady_clock::now() + patience_);
  if (!closed || !all_ended) LeaveBehind();
}

// Which workers have ended by then. A worker that hangs in a driver does not.
std::vector<bool> DpdkDataplane::AwaitWorkers(PortBoard::Deadline until) {
  std::vector<bool> ended(workers_.size(), true);
  for (WorkerId id = 0; id < launched_; ++id) {
    const unsigned lcore = EalLcore(id);
    while (rte_eal_get_lcore_state(lcore) != WAIT && std::chrono::steady_clock::now() < until) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ended[id] = rte_eal_get_lcore_state(lcore) == WAIT;
    if (ended[id]) rte_eal_wait_lcore(lcore);
  }
  return ended;
}

// A thread that hangs goes on with what it knows when its call returns. The process is about to end, and all that such
// a thread may touch stays until then.
void DpdkDataplane::LeaveBehind() {
  struct Remains {
    std::vector<std::unique_ptr<Worker>> workers;
    std::shared_ptr<CryptoDevice> crypto_device;
    std::unique_ptr<Publisher> publisher;
    std::unique_ptr<FirstTable> firsts;
    std::unique_ptr<PortBoard> ports;
    std::shared_ptr<Exchange> exchange;
    std::unique_ptr<Buffers> buffers;
    std::unique_ptr<Remains> before;
  };
  static Remains* remains = nullptr;  // so that nobody takes it for a leak
  remains = new Remains{.workers = std::move(workers_),
                        .crypto_device = std::move(crypto_device_),
                        .publisher = std::move(publisher_),
                        .firsts = std::move(firsts_),
                        .ports = std::move(ports_),
                        .exchange = std::move(exchange_),
                        .buffers = std::move(buffers_),
                        .before = std::unique_ptr<Remains>(remains)};
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

// --- Buffers and ports. ---

void DpdkDataplane::Advance() {
  ports_->Advance(*publisher_);
  if (!buffers_->is_moving()) return;
  const bool made = buffers_->has_news();
  buffers_->Advance(*publisher_);
  if (made) ports_->TrimIdle();
}

absl::StatusOr<PortId> DpdkDataplane::AddPort(const PortSpec& spec, int cpu) {
  assert(control_.IsCurrent());
  Advance();
  return ports_->Add(spec, cpu);
}

size_t DpdkDataplane::ReceivePortNews(std::span<PortNews> out) {
  assert(control_.IsCurrent());
  Advance();
  return ports_->TakeNews(out);
}

absl::Status DpdkDataplane::RemovePort(PortId port) {
  assert(control_.IsCurrent());
  if (!ports_->Has(port)) return absl::NotFoundError(absl::StrCat("no port ", port));
  if (publisher_->current().FindPort(port) != nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("port ", port, " is still in the snapshot"));
  }
  ports_->Remove(port, publisher_->last_token());
  ports_->Advance(*publisher_);
  return absl::OkStatus();
}

bool DpdkDataplane::AwaitPorts(wire::Duration patience) {
  assert(control_.IsCurrent());
  return ports_->Await(std::chrono::steady_clock::now() + patience, *publisher_);
}

PortInfo DpdkDataplane::Info(PortId port) const {
  assert(control_.IsCurrent());
  const PortSlot& slot = ports_->slot(port);
  return {.device = slot.port->spec().device,
          .driver_reason = slot.port->spec().driver_reason,
          .address = slot.port->address(),
          .mac = slot.port->mac(),
          .mtu = slot.port->mtu(),
          .worker = slot.worker,
          .kernel_sees_frames = slot.port->kernel_sees_frames(),
          .has_link_layer = slot.port->has_link_layer(),
          .error_fd = slot.port->error_fd(),
          .carrier_fd = slot.port->carrier_fd(),
          .on_wire = slot.port->on_wire(),
          .multi_segment_tx = slot.port->multi_segment_tx()};
}

LinkState DpdkDataplane::Link(PortId port) {
  assert(control_.IsCurrent());
  return ports_->Link(port);
}

bool DpdkDataplane::Segmentation(PortId port) const {
  assert(control_.IsCurrent());
  return ports_->slot(port).port->segmentation();
}

void DpdkDataplane::SetPortMtu(PortId port, uint16_t mtu) {
  assert(control_.IsCurrent());
  ports_->slot(port).port->SetInterfaceMtu(mtu);
}

PortCounters DpdkDataplane::Counters(PortId port) const {
  assert(control_.IsCurrent());
  const PortSlot& slot = ports_->slot(port);
  PortCounters counters = slot.port->Counters();
  counters.tx_dropped += slot.counters->tx_refused.Get();
  return counters;
}

void DpdkDataplane::Publish(std::unique_ptr<const Snapshot> snapshot) {
  assert(control_.IsCurrent());
  publisher_->Publish(std::make_unique<ForwardingTable>(
      std::move(snapshot), ports_->slots(), workers(), SetCycleClock(), &publisher_->current()));
  // A sleeping worker must look at ports that are new, and let go of the descriptors of ports that are gone.
  for (const std::unique_ptr<Lane>& lane : exchange_->lanes) lane->bell.Ring();
}

// --- Sleeping. ---

// Something may have come in between control's last look at the rings and the arming of the bell. It is looked for once
// more, since no bell rings for it.
bool DpdkDataplane::ArmSleep() {
  assert(control_.IsCurrent());
  exchange_->control_bell.Arm();
  bool waiting = !refused_.empty() || ports_->has_news() || buffers_->has_news();
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
  return ports_->slot(port).counters->drops.Get(drop);
}

}  // namespace warp::lcore
