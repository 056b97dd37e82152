// The bare bulk ciphers, in bursts as the pipeline uses them: what sealing and opening cannot be faster than.
#include <benchmark/benchmark.h>

#include <array>
#include <vector>

#include "dataplane/lcore/constants.h"
#include "dataplane/wire/aead.h"

namespace warp::perf {
namespace {

using lcore::kBurst;

// Args: engine, cipher, bytes.
void Cipher(benchmark::State& state) {
  const auto kind = static_cast<wire::EngineKind>(state.range(0));
  const auto cipher = static_cast<wire::Cipher>(state.range(1));
  const auto size = static_cast<uint32_t>(state.range(2));
  auto engine = wire::MakeEngine(kind);
  if (!engine.ok()) return state.SkipWithError("this machine lacks the engine");
  const wire::BulkKey key(cipher, wire::SymmetricKey());
  std::vector<std::array<uint8_t, 2048>> buffers(kBurst);
  std::array<wire::AeadJob, kBurst> jobs;
  std::array<wire::AeadJob*, kBurst> done;
  uint64_t counter = 0;
  for (auto _ : state) {
    for (size_t i = 0; i < kBurst; ++i) {
      jobs[i] = {.key = &key,
                 .counter = counter++,
                 .header = buffers[i].data(),
                 .text = buffers[i].data() + wire::kDataHeaderSize,
                 .text_size = size};
    }
    for (size_t submitted = 0; submitted < kBurst;) {
      submitted += (*engine)->Submit(wire::Direction::kSeal, std::span(jobs).subspan(submitted));
      benchmark::DoNotOptimize((*engine)->Collect(done));
    }
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kBurst);
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * kBurst * size);
  state.SetLabel(std::string((*engine)->name()) + " " + std::string(wire::CipherName(cipher)));
}
BENCHMARK(Cipher)
    ->ArgNames({"engine", "cipher", "bytes"})
    ->ArgsProduct({{1, 2}, {1, 2}, {64, 1420}});

}  // namespace
}  // namespace warp::perf
