// The benchmarks of the packet path. See README.md for how to read them.
#include <benchmark/benchmark.h>

#include <iostream>

#include "dataplane/lcore/eal.h"
#include "dataplane/wire/keys.h"

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  if (absl::Status status = warp::wire::InitCrypto(); !status.ok()) {
    std::cerr << status << "\n";
    return 1;
  }
  if (absl::Status status = warp::lcore::InitEal({.worker_cpus = {-1}, .memory_mib = 512});
      !status.ok()) {
    std::cerr << status << "\n";
    return 1;
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
