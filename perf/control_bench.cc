// Measures the turn of the control thread of a hub with a thousand peers, each over eight paths, while something
// happens to all of them at once. A turn is what the daemon's is between two looks at the payloads: the protocol's
// timers, the snapshot for the workers, and the protocol's datagrams.
//
// What counts is the longest turn, because payloads wait that long. Turns are timed by the CPU time of the thread, so
// that a busy machine lengthens none.
#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <map>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "control/link/forwarding_builder.h"
#include "control/link/peer_queue.h"
#include "dataplane/lcore/memory/eal.h"
#include "dataplane/lcore/memory/pool.h"
#include "dataplane/lcore/plane/dpdk_dataplane.h"
#include "perf/must.h"
#include "tests/control/protocol/virtual_net.h"
#include "tests/dataplane/add_port.h"

namespace warp::perf {
namespace {

using protocol::VirtualNet;

constexpr int kUplinks = 8;
// As control/daemon/turn.cc has it.
constexpr size_t kDatagramsPerTurn = 256;
// As control/link/links.h has it.
constexpr size_t kPeersPerSnapshot = 32;

lcore::DataplaneOptions PlaneOptions() {
  return {.max_ports = kUplinks, .worker_cpus = {-1}, .max_mtu = 1500, .ring_size = 1024};
}

double CpuMicroseconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

// The dataplane, the snapshots and the turns of one protocol node.
class Hub {
 public:
  explicit Hub(protocol::Node& node)
      : node_(node), plane_(Must(lcore::DpdkDataplane::Create(PlaneOptions()))) {
    static int serial = 0;
    hop_.state = control::NextHop::State::kReachable;
    hop_.source = wire::IpAddress::V4({10, 0, 0, 1});
    hop_.mac = {{2, 0, 0, 0, 0, 9}};
    for (int i = 0; i < kUplinks; ++i) {
      const wire::PortId id =
          Must(lcore::AddPort(*plane_,
                              {.name = absl::StrCat("uplink", serial),
                               .device = lcore::VirtualDevice{absl::StrCat("net_null", serial)}},
                              -1));
      ++serial;
      control::ForwardingPort& port = ports_[id];
      port.info = plane_->Info(id);
      port.kernel.index = static_cast<uint32_t>(i) + 1;
      port.kernel.admin_up = port.kernel.carrier = true;
      port.kernel.mtu = 1500;
      port.kernel.addresses = {hop_.source};
    }
  }

  void SetCarrier(wire::PortId port, bool carrier) {
    ports_.at(port).kernel.carrier = carrier;
    builder_.PortsChanged();
  }

  // Turns until nothing is due at `now`. Every turn publishes what changed, while the daemon's does so at most once in
  // a millisecond.
  void TurnUntilQuiet(wire::Instant now) {
    while (node_.NextTimeout() <= now || changed()) {
      const double begin = CpuMicroseconds();
      if (node_.NextTimeout() <= now) node_.HandleTimeout(now);
      Publish();
      for (size_t i = 0; i < kDatagramsPerTurn && node_.NextTransmit(); ++i) {
      }
      turns_.push_back(CpuMicroseconds() - begin);
      plane_->TurnInlineWorker();
    }
  }

  void Publish() {
    if (!changed()) return;
    const uint64_t since = std::exchange(version_, node_.version());
    for (const protocol::ChangedPeer& peer : node_.ChangedPeers(since)) {
      changed_peers_.Add(peer.id, peer.sessions);
    }
    const std::vector<wire::PeerId> taken = changed_peers_.Take(kPeersPerSnapshot);
    plane_->Publish(builder_.Build(node_.GetForwarding(taken), ports_,
                                   [this](wire::PortId, const control::Flow&) { return &hop_; }));
    benchmark::DoNotOptimize(node_.Peers(taken));
  }
  bool changed() const {
    return node_.version() != version_ || !changed_peers_.empty() || !builder_.complete();
  }

  // Forgets the turns up to now.
  void Forget() { turns_.clear(); }
  // Of all turns: how many, the median, the 99th percentile and the longest.
  void Tell(benchmark::State& state) {
    std::sort(turns_.begin(), turns_.end());
    state.counters["turns"] = static_cast<double>(turns_.size());
    state.counters["median_us"] = turns_[turns_.size() / 2];
    state.counters["p99_us"] = turns_[turns_.size() * 99 / 100];
    state.counters["longest_us"] = turns_.back();
  }

 private:
  protocol::Node& node_;
  const std::unique_ptr<lcore::DpdkDataplane> plane_;
  control::ForwardingBuilder builder_{wire::kDefaultPort, kUplinks};
  std::map<wire::PortId, control::ForwardingPort> ports_;
  control::NextHop hop_;
  uint64_t version_ = 0;
  control::PeerQueue changed_peers_;
  std::vector<double> turns_;
};

// An uplink loses its carrier and has it again. One iteration is one such flap.
void UplinkFlaps(benchmark::State& state) {
  const int peers = static_cast<int>(state.range(0));
  std::vector<int> ports(static_cast<size_t>(peers) + 1, 1);
  ports[0] = kUplinks;
  VirtualNet net({.ports = ports});
  for (int peer = 1; peer <= peers; ++peer) net.Introduce(0, peer);
  const auto carrying = [&net] {
    size_t paths = 0;
    for (const protocol::PeerStatus& peer : net.node(0).Peers()) {
      for (const protocol::PathStatus& path : peer.paths) paths += path.carries;
    }
    return paths;
  };
  for (int i = 0; carrying() < kUplinks * static_cast<size_t>(peers); ++i) {
    if (i == 300) MustBeOk(absl::DeadlineExceededError("not all paths carry"));
    net.Run(std::chrono::milliseconds(200));
  }
  Hub hub(net.node(0));
  hub.TurnUntilQuiet(net.now());
  hub.Forget();
  for (auto _ : state) {
    for (const bool carrier : {false, true}) {
      carrier ? net.PortUp(0, 0) : net.PortDown(0, 0);
      hub.SetCarrier(0, carrier);
      hub.TurnUntilQuiet(net.now());
    }
    net.Run(std::chrono::seconds(2));
    while (hub.changed()) hub.Publish();  // what the daemon would have published in many turns
  }
  hub.Tell(state);
}
BENCHMARK(UplinkFlaps)->Arg(1)->Arg(200)->Arg(1000)->Iterations(5)->Unit(benchmark::kMillisecond);

// A node starts, and begins a handshake with each of its peers over eight routes.
void Start(benchmark::State& state) {
  for (auto _ : state) {
    protocol::NodeOptions options;
    options.identity.secret_key = wire::SecretKey::Generate();
    options.identity.wall_clock = [] { return uint64_t{1}; };
    protocol::Node node(std::move(options));
    const wire::Instant now{std::chrono::seconds(1)};
    for (uint8_t i = 0; i < kUplinks; ++i) {
      node.SetPort(now, i, {.up = true, .addresses = {wire::IpAddress::V4({10, 0, i, 1})}});
    }
    for (int64_t i = 0; i < state.range(0); ++i) {
      const wire::IpAddress address = wire::IpAddress::V4(
          {10, 1, static_cast<uint8_t>(i / 250), static_cast<uint8_t>(i % 250 + 1)});
      node.AddPeer(now, {.public_key = wire::SecretKey::Generate().Public(),
                         .endpoints = {{address, wire::kDefaultPort}}});
    }
    Hub hub(node);
    hub.TurnUntilQuiet(now);
    hub.Tell(state);
  }
}
BENCHMARK(Start)->Arg(1000)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace warp::perf

int main(int argc, char** argv) {
  using namespace warp;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  perf::MustBeOk(wire::InitCrypto());
  perf::MustBeOk(lcore::InitEal(
      {.worker_cpus = {-1}, .memory_mib = lcore::PlanPools(perf::PlaneOptions()).memory_mib * 2}));
  return benchmark::RunSpecifiedBenchmarks() > 0 ? 0 : 1;
}
