// The way out: from control's Submit to the ports, which are null ports. Per payload, all copies included.
#include <benchmark/benchmark.h>

#include "perf/bench_node.h"

namespace warp::perf {
namespace {

constexpr size_t kPayloads = 256;  // in each iteration

void Send(benchmark::State& state, wire::Cipher cipher, wire::EngineKind engine) {
  const auto ports = static_cast<size_t>(state.range(0));
  const auto remotes = static_cast<size_t>(state.range(1));
  const auto size = static_cast<size_t>(state.range(2));
  std::vector<std::string> devices;
  for (size_t i = 0; i < ports; ++i) devices.push_back(UniqueName("net_null") + ",no-rx=1");
  BenchNode node(devices, remotes, MakeSessions(cipher).sender, engine);
  for (auto _ : state) node.Send(kPayloads, size);
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations() * kPayloads));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations() * kPayloads * size));
  state.SetLabel(std::string(node.plane().engine_name()));
}

// Sealing alone is 1x1: one path, the payload sent in place.
void Replicate(benchmark::State& state) {
  Send(state, wire::Cipher::kAes256Gcm, wire::EngineKind::kAuto);
}
BENCHMARK(Replicate)
    ->ArgNames({"ports", "remotes", "bytes"})
    ->ArgsProduct({{1, 2, 3, 4}, {1, 2, 3, 4}, {64, 1420}});

void SealChaCha(benchmark::State& state) {
  Send(state, wire::Cipher::kChaCha20Poly1305, wire::EngineKind::kAuto);
}
BENCHMARK(SealChaCha)
    ->ArgNames({"ports", "remotes", "bytes"})
    ->Args({1, 1, 64})
    ->Args({1, 1, 1420});

void SealSodium(benchmark::State& state) {
  Send(state, wire::Cipher::kAes256Gcm, wire::EngineKind::kSodium);
}
BENCHMARK(SealSodium)
    ->ArgNames({"ports", "remotes", "bytes"})
    ->Args({1, 1, 64})
    ->Args({1, 1, 1420});

// Where a chained reference begins to cost less than a linear copy: sizes around kReferenceFrom, which counts sealed bytes.
void BreakEven(benchmark::State& state) {
  Send(state, wire::Cipher::kAes256Gcm, wire::EngineKind::kAuto);
}
BENCHMARK(BreakEven)
    ->ArgNames({"ports", "remotes", "bytes"})
    ->ArgsProduct({{1}, {4}, {200, 256, 300, 319, 320, 400, 512, 800}});

}  // namespace
}  // namespace warp::perf
