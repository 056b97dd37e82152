#include "dataplane/lcore/pipeline/turn/stage_clock.h"

#include <rte_cycles.h>

#include <algorithm>

namespace warp::lcore {
namespace {

// The weight of a new sample in the moving average, which thus is of the last eight or so.
constexpr double kWeight = 1.0 / 8;

}  // namespace

void StageClock::Begin() {
  lap_cycles_.fill(0);
  lap_packets_.fill(0);
  begin_ = last_ = rte_rdtsc();
}

void StageClock::AddLap(Stage stage, uint32_t packets) {
  const uint64_t now = rte_rdtsc();
  if (packets > 0) {
    lap_cycles_[static_cast<size_t>(stage)] += now - last_;
    lap_packets_[static_cast<size_t>(stage)] += packets;
  }
  last_ = now;
}

void StageClock::End() {
  for (size_t i = 0; i < kStageCount; ++i) {
    cycles_[i].Add(lap_cycles_[i]);
    packets_[i].Add(lap_packets_[i]);
  }
  const uint64_t before = sampled_at_.load(std::memory_order_relaxed);
  if (before != 0) {
    const uint64_t span = last_ - before;
    const auto worked = static_cast<double>((last_ - begin_) * every_);
    const double share = std::min(worked / static_cast<double>(span + 1), 1.0);
    const double old = busy_.load(std::memory_order_relaxed);
    busy_.store(span_.load(std::memory_order_relaxed) == 0 ? share : old + (share - old) * kWeight,
                std::memory_order_relaxed);
    span_.store(span, std::memory_order_relaxed);
  }
  sampled_at_.store(last_, std::memory_order_relaxed);
}

// If the last sample is long ago, the time since held fewer than kStageSampling turns with work, because otherwise
// there would be another sample.
double StageClock::Busy(uint64_t now) const {
  const double busy = busy_.load(std::memory_order_relaxed);
  const auto span = static_cast<double>(span_.load(std::memory_order_relaxed));
  const uint64_t at = sampled_at_.load(std::memory_order_relaxed);
  const auto since = now > at ? static_cast<double>(now - at) : 0.0;
  return since > 2 * span ? busy * span / (since - span) : busy;
}

}  // namespace warp::lcore
