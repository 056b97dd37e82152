// The cases of the engine benchmark. Each one measures, and puts its figures into `results` under the names that
// README.md lists.
#ifndef WARP_PERF_ENGINE_ENGINE_SUITE_H_
#define WARP_PERF_ENGINE_ENGINE_SUITE_H_

#include <string>
#include <vector>

#include "perf/engine/engine_case.h"

namespace warp::perf {

struct Effort {
  bool quick = false;
  size_t rounds = 0;   // how many samples are taken of each thing
  std::string filter;  // runs only the cases whose names contain it
  bool Wants(const std::string& name) const { return name.find(filter) != std::string::npos; }
};

// Returns the payload sizes of one sample, inner header included. "imix" is 7 of 64, 4 of 570 and 1 of 1420 bytes.
std::vector<uint16_t> SizesOf(const std::string& name);
// Returns the sizes that an Effort asks for.
std::vector<std::string> SizeNames(const Effort& effort);

void MeasureSending(const Effort& effort, Json* results);
void MeasureReceiving(const Effort& effort, Json* results);
void MeasureCiphers(const Effort& effort, Json* results);
// Runs on threads of its own, which are pinned to `cpus`.
void MeasureWindow(const Effort& effort, const std::vector<int>& cpus, Json* results);
// Runs on the CPU of the calling thread and on that of EAL's first worker.
void MeasureTwoCores(const Effort& effort, Json* results);

}  // namespace warp::perf

#endif  // WARP_PERF_ENGINE_ENGINE_SUITE_H_
