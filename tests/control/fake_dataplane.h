// A dataplane without lcores. Packets are heap memory, submitted packets stay where a test can look at them, and the
// test reports what became of each. lcore::Packet's methods are defined here, in place of those over mbufs.
#ifndef WARP_TESTS_CONTROL_FAKE_DATAPLANE_H_
#define WARP_TESTS_CONTROL_FAKE_DATAPLANE_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "dataplane/facade/dataplane.h"

namespace warp::lcore {

class FakeDataplane : public Dataplane {
 public:
  static constexpr size_t kRoom = 1600;

  struct Submitted {
    WorkerId home;
    Plaintext packet;
    SendRequest request;
  };
  struct Resubmitted {
    WorkerId home;
    Sealed packet;
    SendRequest request;
    size_t after = 0;  // the size of `submitted` when this packet came
  };
  std::vector<Submitted> submitted;
  std::vector<Resubmitted> resubmitted;
  std::vector<std::pair<PortId, Frame>> transmitted;
  std::vector<WorkerId> taken_back;
  std::map<const PathCounters*, NewestArrival> newest;
  size_t buffers = 100000;                    // how many buffers may still be allocated
  std::unique_ptr<const Snapshot> published;  // the last

  static Plaintext MakePlaintext(wire::Bytes bytes);
  static Sealed MakeSealed(wire::Bytes bytes);
  static size_t LivePackets();

  // A port opens at once, unless `opens` is false: the test pushes the news of it then.
  absl::StatusOr<PortId> AddPort(const PortSpec& spec, int) override {
    ++ports_tried;
    port_spec = spec;
    if (!add_port.ok()) return add_port;
    const auto id = static_cast<PortId>(ids_differ ? ports_tried : 0);
    if (opens) news.push_back({.port = id, .status = absl::OkStatus()});
    return id;
  }
  size_t ReceivePortNews(std::span<PortNews> out) override {
    const size_t count = std::min(out.size(), news.size());
    std::move(news.begin(), news.begin() + static_cast<ptrdiff_t>(count), out.begin());
    news.erase(news.begin(), news.begin() + static_cast<ptrdiff_t>(count));
    return count;
  }
  absl::Status RemovePort(PortId) override {
    ++ports_removed;
    return absl::OkStatus();
  }
  bool AwaitPorts(wire::Duration) override {
    if (on_await) on_await();
    return opens;
  }
  PortInfo Info(PortId) const override { return port_info; }
  LinkState Link(PortId) override { return link; }
  bool Segmentation(PortId) const override { return true; }
  void SetPortMtu(PortId, uint16_t mtu) override { port_mtus.push_back(mtu); }
  PortCounters Counters(PortId) const override { return {}; }
  std::optional<NewestArrival> Newest(const PathCounters& path) const override {
    const auto found = newest.find(&path);
    return found == newest.end() ? std::nullopt : std::optional(found->second);
  }
  void Publish(std::unique_ptr<const Snapshot> snapshot) override {
    published = std::move(snapshot);
  }
  Plaintext AllocatePlaintext() override;
  Frame AllocateFrame() override;
  size_t max_plaintext() const override { return kRoom; }
  uint16_t max_mtu() const override { return buffers_mtu; }
  // Buffers are there at once, unless they wait, or `prepared` says otherwise.
  void PrepareBuffers(const BufferNeeds& needs) override {
    prepared_for.push_back(needs);
    if (prepared.ok() && *prepared) buffers_mtu = std::max(needs.mtu, buffers_mtu);
  }
  absl::StatusOr<bool> BuffersPrepared() const override { return prepared; }
  void SettleBuffers(uint16_t mtu) override {
    settled.push_back(mtu);
    buffers_mtu = std::min(buffers_mtu, std::max<uint16_t>(mtu, 1500));
  }
  void GrowBuffers(const BufferNeeds& needs) override {
    grown_for.push_back(needs);
    if (buffers_wait) grown = false;
    if (grown.ok() && *grown) buffers_mtu = std::max(needs.mtu, buffers_mtu);
  }
  absl::StatusOr<bool> BuffersGrown() const override { return grown; }
  void Submit(WorkerId home, std::span<Plaintext> packets,
              std::span<const SendRequest> requests) override;
  void SubmitSealed(WorkerId home, Sealed packet, const SendRequest& request) override;
  bool TakeBack(WorkerId home) override {
    taken_back.push_back(home);
    return true;
  }
  void Transmit(PortId port, Frame frame) override;
  bool AllTransmitted() const override { return true; }
  size_t ReceiveOpened(std::span<OpenedPacket>) override { return 0; }
  size_t ReceiveHandshakes(HandshakeRank, std::span<HandshakePacket>) override { return 0; }
  size_t ReceiveForeign(std::span<ForeignFrame>) override { return 0; }
  size_t ReceiveCompletions(std::span<Completion>) override { return 0; }
  int wake_fd() const override { return -1; }
  bool ArmSleep() override { return true; }
  void Disarm() override {}
  void FlushWakeups() override {}
  uint32_t TurnInlineWorker() override { return 0; }
  bool Wait(int, std::chrono::nanoseconds) override { return false; }
  uint16_t workers() const override { return 3; }
  uint64_t Heartbeat(WorkerId worker) const override { return heartbeats[worker]; }
  bool IsAsleep(WorkerId worker) const override { return asleep[worker]; }
  bool IsBehind(WorkerId worker) const override { return behind[worker]; }
  WorkerStatus Status(WorkerId) const override { return status; }
  uint64_t Drops(wire::Drop) const override { return 0; }
  uint64_t PortDrops(PortId, wire::Drop) const override { return 0; }
  absl::string_view engine_name() const override { return "none"; }
  absl::string_view engine_reason() const override { return {}; }

  uint16_t buffers_mtu = 1500;  // for which there are buffers
  absl::StatusOr<bool> prepared = true, grown = true;
  bool buffers_wait = false;
  std::vector<BufferNeeds> prepared_for, grown_for;
  std::vector<uint16_t> settled;  // for these MTUs
  absl::Status add_port;          // what AddPort answers, where it is an error
  bool ids_differ = false;        // ports have the ids 1, 2, ...; otherwise each has 0
  std::function<void()> on_await;
  bool opens = true;           // whether a port that was added opens
  std::vector<PortNews> news;  // of ports
  int ports_tried = 0;         // how often AddPort was called
  int ports_removed = 0;
  std::vector<uint16_t> port_mtus;  // as SetPortMtu told them
  PortSpec port_spec;               // of the last AddPort
  PortInfo port_info;               // of every port
  LinkState link = LinkState::kUp;  // likewise
  WorkerStatus status;              // the same for every worker
  std::array<uint64_t, 3> heartbeats{};
  std::array<bool, 3> asleep{};
  std::array<bool, 3> behind{};
};

}  // namespace warp::lcore

#endif  // WARP_TESTS_CONTROL_FAKE_DATAPLANE_H_
