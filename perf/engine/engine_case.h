// How the engine benchmark measures: short samples of the whole and of each of its bare parts in turn, many times over,
// so that whatever disturbs the machine disturbs both alike; medians of each.
#ifndef WARP_PERF_ENGINE_ENGINE_CASE_H_
#define WARP_PERF_ENGINE_ENGINE_CASE_H_

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dataplane/lcore/pipeline/turn/stage_clock.h"

namespace warp::perf {

using Json = nlohmann::ordered_json;

// Payloads of one sample: long enough for a time stamp to be nothing, short enough that most samples see no interrupt.
inline constexpr size_t kSample = 256;

// rdtsc when everything before it is done.
uint64_t Cycles();
double NsPerCycle();

// Measurements of one thing.
class Samples {
 public:
  void Add(double value) { values_.push_back(value); }
  double Median() const { return Quantile(0.5); }
  double Min() const { return Quantile(0); }
  double Spread() const;  // distance between the quartiles, as a share of the median

 private:
  double Quantile(double q) const;
  std::vector<double> values_;
};

// Makes one sample: prepares, times, cleans up; returns cycles per payload.
using Sampler = std::function<double()>;

struct EngineCase {
  Sampler whole;
  struct Part {
    std::string name;
    Sampler sample;
  };
  std::vector<Part> bare;
  lcore::StageClock* stages = nullptr;  // of the worker that `whole` turns
};

// What README.md says of a case.
Json Measure(const EngineCase& measured, size_t rounds);
Json FromSamples(const Samples& cycles);

}  // namespace warp::perf

#endif  // WARP_PERF_ENGINE_ENGINE_CASE_H_
