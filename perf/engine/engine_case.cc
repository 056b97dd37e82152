#include "perf/engine/engine_case.h"

#include <rte_cycles.h>

#include <algorithm>

namespace warp::perf {
namespace {

double Rounded(double value, double scale = 100) { return std::round(value * scale) / scale; }

// Returns the time that each stage spends on a payload, in ns.
Json MeasureStages(const EngineCase& measured, size_t rounds) {
  using lcore::Stage;
  lcore::StageClock& clock = *measured.stages;
  std::array<Samples, lcore::kStageCount> costs;
  clock.SampleEvery(1);
  for (size_t round = 0; round < rounds; ++round) {
    std::array<uint64_t, lcore::kStageCount> before;
    for (size_t i = 0; i < before.size(); ++i) before[i] = clock.Cycles(static_cast<Stage>(i));
    measured.whole();
    for (size_t i = 0; i < before.size(); ++i) {
      costs[i].Add(static_cast<double>(clock.Cycles(static_cast<Stage>(i)) - before[i]) / kSample);
    }
  }
  clock.SampleEvery(lcore::kStageSampling);
  Json json = Json::object();
  for (size_t i = 0; i < costs.size(); ++i) {
    const double ns = costs[i].Median() * NsPerCycle();
    if (ns > 0) json[std::string(lcore::kStageNames[i])] = Rounded(ns);
  }
  return json;
}

}  // namespace

uint64_t Cycles() { return rte_rdtsc_precise(); }

double NsPerCycle() {
  static const double ns = 1e9 / static_cast<double>(rte_get_tsc_hz());
  return ns;
}

double Samples::Quantile(double q) const {
  if (values_.empty()) return 0;
  std::vector<double> sorted = values_;
  const auto at =
      sorted.begin() + static_cast<ptrdiff_t>(q * static_cast<double>(sorted.size() - 1));
  std::nth_element(sorted.begin(), at, sorted.end());
  return *at;
}

double Samples::Spread() const { return (Quantile(0.75) - Quantile(0.25)) / Median(); }

Json FromSamples(const Samples& cycles) {
  const double ns = cycles.Median() * NsPerCycle();
  return {{"ns_per_payload", Rounded(ns)},
          {"min_ns", Rounded(cycles.Min() * NsPerCycle())},
          {"spread", Rounded(cycles.Spread(), 1000)},
          {"cycles_per_payload", Rounded(cycles.Median())},
          {"payloads_per_second", std::round(1e9 / ns)}};
}

Json Measure(const EngineCase& measured, size_t rounds) {
  Samples whole;
  std::vector<Samples> bare(measured.bare.size());
  const size_t warm_up = rounds / 8 + 1;
  for (size_t round = 0; round < rounds + warm_up; ++round) {
    const bool counts = round >= warm_up;
    const double cycles = measured.whole();
    if (counts) whole.Add(cycles);
    for (size_t i = 0; i < bare.size(); ++i) {
      const double part = measured.bare[i].sample();
      if (counts) bare[i].Add(part);
    }
  }
  Json json = FromSamples(whole);
  if (!bare.empty()) {
    double sum = 0;
    Json parts = Json::object();
    for (size_t i = 0; i < bare.size(); ++i) {
      const double ns = bare[i].Median() * NsPerCycle();
      parts[measured.bare[i].name] = Rounded(ns);
      sum += ns;
    }
    json["bare"] = std::move(parts);
    json["bare_ns"] = Rounded(sum);
    json["ratio"] = Rounded(whole.Median() * NsPerCycle() / sum, 1000);
  }
  if (measured.stages != nullptr) json["stages"] = MeasureStages(measured, rounds / 4 + 1);
  return json;
}

}  // namespace warp::perf
