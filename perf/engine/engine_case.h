// How the engine benchmark measures. It takes short samples of the whole and of each of its bare parts in turn, many
// times over, so that a disturbance of the machine disturbs both alike, and reports the median of each.
#ifndef WARP_PERF_ENGINE_ENGINE_CASE_H_
#define WARP_PERF_ENGINE_ENGINE_CASE_H_

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dataplane/lcore/pipeline/turn/stage_clock.h"

namespace warp::perf {

using Json = nlohmann::ordered_json;

// Payloads of one sample: so many that a time stamp costs nothing beside them, and so few that most samples see no
// interrupt.
inline constexpr size_t kSample = 256;

// The time-stamp counter, read when all instructions before it are done.
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

// Makes one sample: prepares, times and cleans up. Returns cycles per payload.
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

// The fields that README.md lists for a case.
Json Measure(const EngineCase& measured, size_t rounds);
Json FromSamples(const Samples& cycles);

}  // namespace warp::perf

#endif  // WARP_PERF_ENGINE_ENGINE_CASE_H_
