// The dataplane behind its façade, made of DPDK: it owns ports, workers, rings and the published table.
// facade/dataplane.h describes the calls.
#ifndef WARP_DATAPLANE_LCORE_PLANE_DPDK_DATAPLANE_H_
#define WARP_DATAPLANE_LCORE_PLANE_DPDK_DATAPLANE_H_

#include <array>
#include <chrono>
#include <memory>
#include <vector>

#include "dataplane/facade/dataplane.h"
#include "dataplane/lcore/crypto/crypto_device.h"
#include "dataplane/lcore/crypto/engine_choice.h"
#include "dataplane/lcore/exchange/exchange.h"
#include "dataplane/lcore/exchange/port_slot.h"
#include "dataplane/lcore/exchange/publisher.h"
#include "dataplane/lcore/memory/pool.h"
#include "dataplane/lcore/pipeline/in/first_table.h"
#include "dataplane/lcore/pipeline/worker.h"
#include "dataplane/lcore/plane/buffers.h"
#include "dataplane/lcore/plane/opened_merge.h"
#include "dataplane/lcore/plane/port_board.h"
#include "dataplane/os/thread_checker.h"

namespace warp::lcore {

class DpdkDataplane final : public Dataplane {
 public:
  // Makes everything but the threads. EAL must be initialised. A process may have several dataplanes: tests have two
  // nodes.
  static absl::StatusOr<std::unique_ptr<DpdkDataplane>> Create(const DataplaneOptions& options);
  ~DpdkDataplane() override;

  // Starts the workers on their lcores. A dataplane that was not launched leaves its workers to the caller, who may
  // turn them by worker(i).RunOnce().
  absl::Status Launch();
  Worker& worker(WorkerId id) { return *workers_[id]; }
  const rte_mempool* payload_pool() const { return buffers_->payloads(); }
  const rte_mempool* frame_pool() const { return buffers_->frames(); }
  const PortSlot& slot(PortId id) const { return ports_->slot(id); }
  size_t retired() const { return publisher_->retired(); }
  size_t retired_pools() const { return buffers_->retired_pools(); }
  // How long the destructor waits for a thread that hangs.
  void set_patience(std::chrono::milliseconds patience) { patience_ = patience; }

  absl::StatusOr<PortId> AddPort(const PortSpec& spec, int cpu) override;
  size_t ReceivePortNews(std::span<PortNews> out) override;
  absl::Status RemovePort(PortId port) override;
  bool AwaitPorts(wire::Duration patience) override;
  PortInfo Info(PortId port) const override;
  LinkState Link(PortId port) override;
  bool Segmentation(PortId port) const override;
  void SetPortMtu(PortId port, uint16_t mtu) override;
  PortCounters Counters(PortId port) const override;
  std::optional<NewestArrival> Newest(const PathCounters& path) const override;
  void Publish(std::unique_ptr<const Snapshot> snapshot) override;

  Plaintext AllocatePlaintext() override;
  Frame AllocateFrame() override;
  size_t max_plaintext() const override;
  uint16_t max_mtu() const override { return buffers_->max_mtu(); }
  void PrepareBuffers(const BufferNeeds& needs) override;
  absl::StatusOr<bool> BuffersPrepared() const override;
  void SettleBuffers(uint16_t mtu) override;
  void GrowBuffers(const BufferNeeds& needs) override;
  absl::StatusOr<bool> BuffersGrown() const override;
  void Submit(WorkerId home, std::span<Plaintext> packets,
              std::span<const SendRequest> requests) override;
  void SubmitSealed(WorkerId home, Sealed packet, const SendRequest& request) override;
  bool TakeBack(WorkerId home) override;
  void Transmit(PortId port, Frame frame) override;
  bool AllTransmitted() const override { return buffers_->frames_are_home(); }

  size_t ReceiveOpened(std::span<OpenedPacket> out) override;
  size_t ReceiveHandshakes(HandshakeRank rank, std::span<HandshakePacket> out) override;
  size_t ReceiveForeign(std::span<ForeignFrame> out) override;
  size_t ReceiveCompletions(std::span<Completion> out) override;

  int wake_fd() const override { return exchange_->control_bell.fd(); }
  bool ArmSleep() override;
  void Disarm() override;
  void FlushWakeups() override;
  uint32_t TurnInlineWorker() override;
  bool Wait(int fd, std::chrono::nanoseconds timeout) override;

  uint16_t workers() const override { return static_cast<uint16_t>(workers_.size()); }
  uint64_t Heartbeat(WorkerId worker) const override { return workers_[worker]->heartbeat(); }
  // A sleeper that was rung must wake.
  bool IsAsleep(WorkerId worker) const override {
    return workers_[worker]->asleep() && exchange_->lanes[worker]->bell.armed();
  }
  bool IsBehind(WorkerId worker) const override {
    return !exchange_->lanes[worker]->payloads.empty();
  }
  WorkerStatus Status(WorkerId worker) const override;
  uint64_t Drops(wire::Drop drop) const override;
  uint64_t PortDrops(PortId port, wire::Drop drop) const override;
  absl::string_view engine_name() const override { return workers_[0]->engine_name(); }
  absl::string_view engine_reason() const override { return engine_.reason; }

 private:
  explicit DpdkDataplane(const DataplaneOptions& options);

  PacketBuffer* Allocate(rte_mempool* pool);
  void PushPayloads(WorkerId home, std::span<rte_mbuf*> payloads);
  void Refuse(rte_mbuf* payload, wire::Drop reason);
  template <typename T, typename RingOf, typename Fill>
  size_t ReceiveFrom(RingOf ring_of, size_t first_lane, std::span<T> out, Fill fill);
  Buffers::Rooms RoomsOf(const BufferNeeds& needs) const;
  void Advance();
  void Drain();
  std::vector<bool> AwaitWorkers(PortBoard::Deadline until);
  void LeaveBehind();

  const DataplaneOptions options_;
  std::shared_ptr<Exchange> exchange_;  // shared with threads that open and close devices
  std::unique_ptr<Buffers> buffers_;
  std::unique_ptr<PortBoard> ports_;
  std::unique_ptr<FirstTable> firsts_;
  std::unique_ptr<Publisher> publisher_;
  EngineChoice engine_;
  // May be null. It stands before the workers, whose engines use it, and so outlives them.
  std::shared_ptr<CryptoDevice> crypto_device_;
  std::vector<std::unique_ptr<Worker>> workers_;
  size_t launched_ = 0;  // how many of them run on their lcores
  std::chrono::milliseconds patience_ = std::chrono::seconds(3);

  // --- The control thread's. ---
  os::ThreadChecker control_;
  DropCounters drops_;
  std::vector<Completion> refused_;  // of payloads that did not fit a ring
  // By WorkerId: whether the worker was given something since the last flush.
  std::vector<uint8_t> to_wake_;
  // The lane that the next receiving call looks at first.
  size_t first_lane_ = 0;
  OpenedMerge opened_merge_;
  std::array<size_t, kHandshakeRanks.size()> first_handshake_lane_{};  // by rank
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PLANE_DPDK_DATAPLANE_H_
