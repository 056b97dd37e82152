// The way in: from frames in a ring port to plaintext in control's hands; and what a further copy costs. Per frame.
#include <benchmark/benchmark.h>
#include <rte_eth_ring.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include <cstring>

#include "dataplane/wire/message.h"
#include "perf/bench_node.h"

namespace warp::perf {
namespace {

constexpr unsigned kFrames = 256;  // in each iteration

// A port that receives what the benchmark puts into a ring. One for all: DPDK has few device numbers.
class Source {
 public:
  Source()
      : ring_(rte_ring_create(UniqueName("source").c_str(), 1024, SOCKET_ID_ANY,
                              RING_F_SP_ENQ | RING_F_SC_DEQ)),
        name_(UniqueName("source_port")) {
    // rte_eth_from_rings puts the driver's name in front.
    rte_eth_from_rings(name_.c_str(), &ring_, 1, &ring_, 1, SOCKET_ID_ANY);
  }
  std::string device() const { return "net_ring_" + name_; }
  void Put(rte_mbuf* frame) { rte_ring_enqueue(ring_, frame); }

 private:
  rte_ring* const ring_;
  const std::string name_;
};

Source& TheSource() {
  static Source source;
  return source;
}

class Receiver {
 public:
  explicit Receiver(wire::Cipher cipher)
      : sessions_(MakeSessions(cipher)), node_({TheSource().device()}, 4, sessions_.receiver) {}

  // Frames of fresh counters, sealed. Each counter `copies` times, one from each remote.
  void Prepare(size_t size, unsigned copies) {
    for (unsigned i = 0; i < kFrames / copies; ++i) {
      auto datagram = sessions_.sender->Seal(*engine_, std::vector<uint8_t>(size));
      for (unsigned copy = 0; copy < copies; ++copy) {
        const wire::FrameTemplate frame = node_.FrameFrom(copy);
        rte_mbuf* packet = rte_pktmbuf_alloc(node_.plane().slot(0).rx_pool.get());
        auto* bytes = reinterpret_cast<uint8_t*>(
            rte_pktmbuf_append(packet, static_cast<uint16_t>(frame.size + datagram->size())));
        wire::WriteFrameHeader(frame, static_cast<uint16_t>(datagram->size()), 0, bytes);
        std::memcpy(bytes + frame.size, datagram->data(), datagram->size());
        TheSource().Put(packet);
      }
    }
  }
  size_t Run() {
    size_t opened = 0;
    for (unsigned i = 0; i < kFrames; i += lcore::kBurst) {
      node_.plane().worker(0).RunOnce();
      opened += node_.plane().ReceiveOpened(packets_);
      for (lcore::OpenedPacket& packet : packets_) packet.packet.Reset();
    }
    return opened;
  }

 private:
  SessionPair sessions_;
  std::unique_ptr<wire::AeadEngine> engine_ = *wire::MakeEngine(wire::EngineKind::kAuto);
  BenchNode node_;
  std::array<lcore::OpenedPacket, lcore::kBurst> packets_;
};

void Receive(benchmark::State& state, wire::Cipher cipher) {
  const auto size = static_cast<size_t>(state.range(0));
  const auto copies = static_cast<unsigned>(state.range(1));
  Receiver receiver(cipher);
  for (auto _ : state) {
    state.PauseTiming();
    receiver.Prepare(size, copies);
    state.ResumeTiming();
    if (receiver.Run() != kFrames / copies)
      return state.SkipWithError("not every payload was delivered once");
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kFrames);
}

// copies=1: each frame is a payload, opened and delivered. copies=4: of four frames one is, three are duplicates.
void Open(benchmark::State& state) { Receive(state, wire::Cipher::kAes256Gcm); }
BENCHMARK(Open)->ArgNames({"bytes", "copies"})->ArgsProduct({{64, 1420}, {1, 4}});

void OpenChaCha(benchmark::State& state) { Receive(state, wire::Cipher::kChaCha20Poly1305); }
BENCHMARK(OpenChaCha)->ArgNames({"bytes", "copies"})->ArgsProduct({{64, 1420}, {1}});

}  // namespace
}  // namespace warp::perf
