// How the engine benchmark measures. A disturbance of the machine must disturb the whole and its bare parts alike. So
// the benchmark takes short samples of each in turn, many times over, and reports the median of each.
#ifndef WARP_PERF_ENGINE_ENGINE_CASE_H_
#define WARP_PERF_ENGINE_ENGINE_CASE_H_

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "dataplane/lcore/pipeline/turn/stage_clock.h"

namespace warp::perf {

using Json = nlohmann::ordered_json;

// The payloads of one sample. They are so many that a time stamp costs nothing beside them, and so few that most
// samples see no interrupt.
inline constexpr size_t kSample = 256;

// Reads the time-stamp counter once all instructions before it are done.
uint64_t Cycles();
double NsPerCycle();

// The measurements of one thing.
class Samples {
 public:
  void Add(double value) { values_.push_back(value); }
  double Median() const { return Quantile(0.5); }
  double Min() const { return Quantile(0); }
  double Spread() const;  // the distance between the quartiles, as a share of the median

 private:
  double Quantile(double q) const;
  std::vector<double> values_;
};

// Makes one sample: prepares, measures and cleans up. Returns cycles per payload.
using Sampler = std::function<double()>;

struct EngineCase {
  Sampler whole;
  struct Part {
    std::string name;
    Sampler sample;
  };
  std::vector<Part> bare;
  lcore::StageClock* stages = nullptr;  // the stage clock of the worker that `whole` turns
};

// Returns the fields that README.md lists for a case.
Json Measure(const EngineCase& measured, size_t rounds);
Json FromSamples(const Samples& cycles);

}  // namespace warp::perf

#endif  // WARP_PERF_ENGINE_ENGINE_CASE_H_
