// Measures what cutting and joining at a TUN gate cost a payload (control/gate/tun/packet), without the kernel's part.
#include <benchmark/benchmark.h>

#include <vector>

#include "control/gate/tun/packet/joiner.h"
#include "control/gate/tun/packet/segmenter.h"
#include "tests/control/gate/tun/packet/packets.h"

namespace warp::perf {
namespace {

using control::Joiner;
using control::Layer;
using control::OffloadHeader;
using control::PacketBytes;
using control::Segmenter;

// What fits paths of 1,500 bytes, less the headers of TCP with time stamps.
constexpr size_t kSegment = 1428 - 20 - 32;
constexpr size_t kSegments = 44;
const PacketBytes kTimeStamps = {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8};

void Tell(benchmark::State& state, size_t payloads) {
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(payloads));
  state.counters["ns_per_payload"] = benchmark::Counter(
      static_cast<double>(state.iterations() * static_cast<int64_t>(payloads)) / 1e9,
      benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void Cut(benchmark::State& state) {
  const bool v6 = state.range(0) == 6;
  PacketBytes super = control::MakePacket(
      {.v6 = v6, .options = kTimeStamps, .extensions = {}, .data = kSegment * kSegments});
  const uint8_t gso = v6 ? OffloadHeader::kTcpV6 : OffloadHeader::kTcpV4;
  const OffloadHeader offload = control::MakeSuper(super, Layer::kIp, gso, kSegment);
  Segmenter segmenter(Layer::kIp);
  for (auto _ : state) {
    segmenter.Take(offload, super);
    for (auto packets = segmenter.Next(); !packets.empty(); packets = segmenter.Next()) {
      benchmark::DoNotOptimize(packets.data());
      segmenter.Consume(packets.size());
    }
  }
  Tell(state, kSegments);
}
BENCHMARK(Cut)->Arg(4)->Arg(6);

// As many flows as the argument says take turns.
void Join(benchmark::State& state) {
  const auto flows = static_cast<uint16_t>(state.range(0));
  std::vector<PacketBytes> packets;
  for (uint16_t i = 0; i < kSegments; ++i) {
    packets.push_back(control::MakePacket({.port = static_cast<uint16_t>(1000 + i % flows),
                                           .sequence = static_cast<uint32_t>(i / flows * kSegment),
                                           .id = static_cast<uint16_t>(i / flows),
                                           .options = kTimeStamps,
                                           .extensions = {},
                                           .data = kSegment}));
  }
  Joiner joiner(Layer::kIp, {});
  for (auto _ : state) {
    for (const PacketBytes& packet : packets) {
      joiner.Add(packet, *control::ReadInnerPacket(packet, Layer::kIp));
    }
    for (size_t run = 0; run < joiner.runs(); ++run) benchmark::DoNotOptimize(joiner.Pieces(run));
    joiner.Clear();
  }
  Tell(state, kSegments);
}
BENCHMARK(Join)->Arg(1)->Arg(4)->Arg(44);

}  // namespace
}  // namespace warp::perf

BENCHMARK_MAIN();
