// Measures what a second core brings. A node with two ports and 2 x 2 paths works in both directions, turned by one
// worker or by two.
#include <rte_launch.h>

#include <atomic>

#include "dataplane/lcore/memory/eal.h"
#include "dataplane/wire/message.h"
#include "perf/engine/bare_cipher.h"
#include "perf/engine/engine_suite.h"
#include "perf/engine/frame_source.h"

namespace warp::perf {
namespace {

using lcore::kBurst;
using wire::WorkerId;

constexpr size_t kPorts = 2;
constexpr size_t kRemotes = 2;
constexpr uint16_t kPayloads = 1024;  // in each direction
constexpr uint16_t kSize = 1420;
constexpr size_t kGroup = 128;  // so many counters of one port are ahead of the other port

enum class Arrival {
  // Payloads come in groups; every second group arrives first at port 0, the others at port 1.
  kSkewed,
  kLockstep,  // both ports receive the same copies at the same moment
};

// Returns the order in which a port receives the copies of the payloads, as indices. Each occurs once for each remote.
std::vector<uint16_t> OrderOf(size_t port, Arrival arrival) {
  std::vector<uint16_t> order;
  if (arrival == Arrival::kLockstep) {
    for (uint16_t i = 0; i < kPayloads; ++i) order.insert(order.end(), kRemotes, i);
    return order;
  }
  for (size_t begin = 0; begin < kPayloads; begin += 2 * kGroup) {
    for (const size_t group : {begin + port * kGroup, begin + (1 - port) * kGroup}) {
      for (size_t remote = 0; remote < kRemotes; ++remote) {
        for (size_t i = group; i < group + kGroup; ++i) order.push_back(static_cast<uint16_t>(i));
      }
    }
  }
  return order;
}

// DPDK has no port that both receives from a ring and discards what it sends. So each worker has one port of each kind.
class Node {
 public:
  Node(std::span<FrameSource> sources, uint16_t workers, Arrival arrival)
      : sources_(sources),
        workers_(workers),
        sessions_(MakeSessions(wire::Cipher::kAes256Gcm)),
        node_(
            {.devices = {sources[0].device(), sources[1].device(),
                         UniqueName("net_null") + ",no-rx=1", UniqueName("net_null") + ",no-rx=1"},
             .remotes = kRemotes,
             .session = sessions_.receiver,
             .workers = workers,
             .receive_only = kPorts}) {
    for (size_t port = 0; port < kPorts; ++port) order_[port] = OrderOf(port, arrival);
  }

  // Returns the cycles for each payload (one in and one out).
  double Sample() {
    Prepare();
    begin_.store(0);
    ready_.store(0);
    if (workers_ == 2) {
      const auto run = [](void* node) {
        static_cast<Node*>(node)->Turn(1);
        return 0;
      };
      rte_eal_remote_launch(run, this, lcore::EalLcore(0));
    }
    Turn(0);
    if (workers_ == 2) rte_eal_wait_lcore(lcore::EalLcore(0));
    if (node_.Drain() != size_t{kPayloads} * (1u + workers_)) std::abort();
    const uint64_t end = std::max(end_[0].load(), end_[1].load());
    return static_cast<double>(end - begin_.load()) / kPayloads;
  }
  uint64_t opened_twice() { return node_.plane().Drops(wire::Drop::kOpenedTwice); }

 private:
  // Runs a worker's share until nothing is left anywhere. Both workers begin at the same moment.
  void Turn(WorkerId id) {
    end_[id].store(0);
    ready_.fetch_add(1);
    while (ready_.load() < workers_) {
    }
    uint64_t none = 0;
    begin_.compare_exchange_strong(none, Cycles());
    lcore::Worker& worker = node_.worker(id);
    uint64_t end = 0;
    // Legs of the other worker may still arrive while that worker works.
    while (ready_.load(std::memory_order_relaxed) < 2u * workers_) {
      if (worker.RunOnce() > 0) {
        end = 0;
      } else if (end == 0) {
        end = Cycles();
        if (Exhausted(id) && !std::exchange(done_[id], true)) ready_.fetch_add(1);
      }
    }
    while (worker.RunOnce() > 0) end = Cycles();
    end_[id].store(end);
    done_[id] = false;
  }
  bool Exhausted(WorkerId id) const {
    for (size_t port = id; port < kPorts; port += workers_) {
      if (!sources_[port].empty()) return false;
    }
    return true;
  }

  void Prepare() {
    const auto datagram_size = static_cast<uint16_t>(kSize + wire::kMinSealedSize);
    std::vector<std::vector<uint8_t>> datagrams;
    for (size_t i = 0; i < kPayloads; ++i) {
      datagrams.push_back(*sessions_.sender->Seal({}, *engine_, payload_));
    }
    for (size_t port = 0; port < kPorts; ++port) {
      size_t copy = 0;
      for (const uint16_t index : order_[port]) {
        rte_mbuf* frame = FrameSource::MakeFrame(node_, port, copy++ % kRemotes, datagram_size);
        std::memcpy(FrameSource::DatagramOf(frame), datagrams[index].data(), datagram_size);
        sources_[port].Put(frame);
      }
    }
    const std::vector<uint16_t> sizes(kPayloads / workers_, kSize);
    for (WorkerId id = 0; id < workers_; ++id) node_.Submit(sizes, id);
    // Both workers must begin with packets that only the shared cache holds, as after DMA. Otherwise the core that has
    // prepared the packets finds them in its own cache, and the other core must fetch them from there.
    for (size_t i = 0; i < evictor_.size(); i += 64)
      evictor_[i] = static_cast<uint8_t>(evictor_[i] + 1);
  }

  std::span<FrameSource> sources_;
  const uint16_t workers_;
  const SessionPair sessions_;
  BenchNode node_;
  const std::unique_ptr<wire::AeadEngine> engine_ = *wire::MakeEngine(wire::EngineKind::kAuto);
  const std::vector<uint8_t> payload_ = std::vector<uint8_t>(kSize);
  std::array<std::vector<uint16_t>, kPorts> order_;
  // Larger than the caches of a core.
  std::vector<uint8_t> evictor_ = std::vector<uint8_t>(4 << 20);
  std::atomic<uint32_t> ready_{0};
  std::atomic<uint64_t> begin_{0};
  std::array<std::atomic<uint64_t>, 2> end_{};
  std::array<bool, 2> done_{};
};

// Two CPUs of a virtual machine may be two threads of one core. The cipher alone, on one core and on two, shows what
// the machine gives.
class BareCores {
 public:
  // Returns the cycles for each payload.
  double Sample(size_t cores) {
    cores_ = cores;
    ready_.store(0);
    if (cores == 2) {
      const auto run = [](void* bare) {
        static_cast<BareCores*>(bare)->Seal(1);
        return 0;
      };
      rte_eal_remote_launch(run, this, lcore::EalLcore(0));
    }
    Seal(0);
    if (cores == 2) rte_eal_wait_lcore(lcore::EalLcore(0));
    return static_cast<double>(Cycles() - begin_) / kPayloads;
  }

 private:
  void Seal(size_t core) {
    ready_.fetch_add(1);
    while (ready_.load() < cores_) {
    }
    if (core == 0) begin_ = Cycles();
    for (size_t i = 0; i < kPayloads / cores_; ++i) {
      ciphers_[core].Seal(buffers_[core][i % kBurst].data(), kSize, i);
    }
  }

  size_t cores_ = 1;
  uint64_t begin_ = 0;
  std::atomic<size_t> ready_{0};
  std::array<BareCipher, 2> ciphers_;
  std::array<std::vector<std::array<uint8_t, 2048>>, 2> buffers_ = {
      std::vector<std::array<uint8_t, 2048>>(kBurst),
      std::vector<std::array<uint8_t, 2048>>(kBurst)};
};

Json Compare(std::span<FrameSource> sources, Arrival arrival, size_t rounds) {
  std::array<Samples, 2> cycles, bare;
  BareCores cipher;
  uint64_t twice = 0;
  for (size_t round = 0; round < rounds; ++round) {
    for (uint16_t workers = 1; workers <= 2; ++workers) {
      Node node(sources, workers, arrival);
      node.Sample();  // the first sample warms the caches
      for (int i = 0; i < 4; ++i) {
        const uint64_t before = node.opened_twice();
        cycles[workers - 1].Add(node.Sample());
        bare[workers - 1].Add(cipher.Sample(workers));
        if (workers == 2) twice += node.opened_twice() - before;
      }
    }
  }
  const double one = cycles[0].Median() * NsPerCycle();
  const double two = cycles[1].Median() * NsPerCycle();
  return {
      {"factor", std::round(one / two * 1000) / 1000},
      {"bare_factor", std::round(bare[0].Median() / bare[1].Median() * 1000) / 1000},
      {"ns_one_core", one},
      {"ns_two_cores", two},
      {"spread", cycles[1].Spread()},
      {"opened_twice", static_cast<double>(twice) / static_cast<double>(4 * rounds * kPayloads)}};
}

}  // namespace

void MeasureTwoCores(const Effort& effort, Json* results) {
  if (!effort.Wants("two_core_scaling")) return;
  std::array<FrameSource, kPorts> sources;
  const size_t rounds = effort.rounds / 20;
  const Json skewed = Compare(sources, Arrival::kSkewed, rounds);
  const Json lockstep = Compare(sources, Arrival::kLockstep, rounds);
  (*results)["two_core_scaling"] = {
      {"factor", skewed["factor"]}, {"skewed", skewed}, {"lockstep", lockstep}};
}

}  // namespace warp::perf
