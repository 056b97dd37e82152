// The replay window: what a duplicate costs (Look), and what delivering costs (Claim, alone and in bursts).
#include <benchmark/benchmark.h>

#include <array>

#include "dataplane/lcore/constants.h"
#include "dataplane/wire/constants.h"
#include "dataplane/wire/window.h"

namespace warp::perf {
namespace {

using lcore::kBurst;
using wire::ReplayWindow;

void WindowLook(benchmark::State& state) {
  ReplayWindow window(wire::kDefaultWindow);
  uint64_t counter = 0;
  for (auto _ : state) benchmark::DoNotOptimize(window.Look(counter++ % wire::kDefaultWindow));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK(WindowLook);

void WindowClaim(benchmark::State& state) {
  ReplayWindow window(wire::kDefaultWindow);
  uint64_t counter = 0;
  for (auto _ : state) benchmark::DoNotOptimize(window.Claim(counter++));
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()));
}
BENCHMARK(WindowClaim);

void WindowClaimBurst(benchmark::State& state) {
  ReplayWindow window(wire::kDefaultWindow);
  std::array<uint64_t, kBurst> counters;
  std::array<ReplayWindow::Verdict, kBurst> verdicts;
  uint64_t counter = 0;
  for (auto _ : state) {
    for (uint64_t& one : counters) one = counter++;
    window.ClaimBurst(counters, verdicts);
    benchmark::DoNotOptimize(verdicts);
  }
  state.SetItemsProcessed(static_cast<int64_t>(state.iterations()) * kBurst);
}
BENCHMARK(WindowClaimBurst);

}  // namespace
}  // namespace warp::perf
