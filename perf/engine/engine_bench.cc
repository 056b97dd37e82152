// Measures the packet path and, beside it, its bare parts. README.md explains the output.
#include <rte_version.h>
#include <sched.h>
#include <sys/utsname.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>

#include "dataplane/lcore/memory/eal.h"
#include "dataplane/wire/crypto/aead.h"
#include "dataplane/wire/crypto/keys.h"
#include "perf/bench_node.h"
#include "perf/commit.h"
#include "perf/engine/bare_cipher.h"
#include "perf/engine/engine_suite.h"

namespace warp::perf {
namespace {

std::vector<int> AllowedCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof(set), &set);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

void PinTo(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  sched_setaffinity(0, sizeof(set), &set);
}

Json Machine(bool hugepages, size_t cpus) {
  std::ifstream info("/proc/cpuinfo");
  std::string model;
  for (std::string line; std::getline(info, line);) {
    if (line.rfind("model name", 0) != 0) continue;
    model = line.substr(line.find(':') + 2);
    break;
  }
  utsname system{};
  uname(&system);
  return {{"cpu", model},
          {"cpus", cpus},
          {"kernel", system.release},
          {"dpdk", rte_version()},
          {"ipsec_mb", BareCipher::LibraryVersion()},
          {"engine", std::string((*wire::MakeEngine(wire::EngineKind::kAuto))->name())},
          {"hugepages", hugepages},
          {"tsc_ghz", 1 / NsPerCycle()}};
}

// Uses hugepages if they were asked for, or if nothing was asked and enough are free.
absl::StatusOr<bool> StartEal(bool want_huge, bool no_huge, int second_cpu) {
  lcore::EalOptions options = {.memory_mib = BenchNode::MemoryMib()};
  if (second_cpu >= 0) options.worker_cpus = {second_cpu};
  options.hugepages = !no_huge;
  absl::Status status = lcore::InitEal(options);
  if (!status.ok() && options.hugepages && !want_huge) {
    options.hugepages = false;
    status = lcore::InitEal(options);
  }
  if (!status.ok()) return status;
  return options.hugepages;
}

int Run(int argc, char** argv) {
  CLI::App app("The packet path beside its bare parts.", "engine_bench");
  Effort effort;
  bool huge = false, no_huge = false;
  std::string json_file;
  app.add_flag("--quick", effort.quick, "fewer sizes and samples");
  app.add_flag("--hugepages", huge, "fail where there are too few");
  app.add_flag("--no-huge", no_huge, "do without hugepages")->excludes("--hugepages");
  app.add_option("--filter", effort.filter, "only cases whose names contain this");
  app.add_option("--rounds", effort.rounds, "samples of each thing");
  app.add_option("--json", json_file, "where the results go; else standard output");
  CLI11_PARSE(app, argc, argv);
  if (effort.rounds == 0) effort.rounds = effort.quick ? 100 : 300;

  const std::vector<int> cpus = AllowedCpus();
  const int second_cpu = cpus.size() > 1 ? cpus[0] : -1;
  if (absl::Status status = wire::InitCrypto(); !status.ok()) {
    std::cerr << status << "\n";
    return 1;
  }
  const absl::StatusOr<bool> hugepages = StartEal(huge, no_huge, second_cpu);
  if (!hugepages.ok()) {
    std::cerr << hugepages.status() << "\n";
    return 1;
  }
  PinTo(cpus.back());  // the last CPU, because the first one serves most interrupts

  Json results = Json::object();
  MeasureSending(effort, &results);
  MeasureReceiving(effort, &results);
  MeasureCiphers(effort, &results);
  MeasureWindow(effort, cpus, &results);
  if (second_cpu >= 0) MeasureTwoCores(effort, &results);
  const Json report = {{"machine", Machine(*hugepages, cpus.size())},
                       {"commit", WARP_COMMIT},
                       {"quick", effort.quick},
                       {"results", std::move(results)}};
  if (json_file.empty()) {
    std::cout << report.dump(1) << "\n";
  } else {
    std::ofstream(json_file) << report.dump(1) << "\n";
  }
  return 0;
}

}  // namespace
}  // namespace warp::perf

int main(int argc, char** argv) { return warp::perf::Run(argc, argv); }
