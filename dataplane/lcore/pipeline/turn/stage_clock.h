// Measures what each stage of a worker's turn costs, in cycles of the time-stamp counter. A stage that read the counter
// at each of its ends would pay more for that than for some of its work. Therefore one turn in kStageSampling of those
// that moved packets is measured, and all others pay one untaken branch for each stage.
#ifndef WARP_DATAPLANE_LCORE_PIPELINE_TURN_STAGE_CLOCK_H_
#define WARP_DATAPLANE_LCORE_PIPELINE_TURN_STAGE_CLOCK_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "dataplane/facade/counters.h"
#include "dataplane/lcore/constants.h"

namespace warp::lcore {

class StageClock {
 public:
  // --- The worker. ---
  void BeginTurn() {
    if (sampling_) [[unlikely]]
      Begin();
  }
  // `stage` has spent the time since the last lap, on this many packets.
  void Lap(Stage stage, uint32_t packets) {
    if (sampling_) [[unlikely]]
      AddLap(stage, packets);
  }
  // `work`: packets that the turn moved. An idle turn tells nothing, so that the next one is measured in its place.
  void EndTurn(uint32_t work) {
    if (work == 0) return;
    if (sampling_) [[unlikely]]
      End();
    sampling_ = --until_sample_ == 0;
    if (sampling_) [[unlikely]]
      until_sample_ = every_;
  }
  // Benchmarks and tests: measures one of `every` turns from now on.
  void SampleEvery(uint32_t every) {
    every_ = until_sample_ = every;
    sampling_ = every == 1;
  }

  // --- Any thread. ---
  uint64_t Packets(Stage stage) const { return packets_[static_cast<size_t>(stage)].Get(); }
  uint64_t Cycles(Stage stage) const { return cycles_[static_cast<size_t>(stage)].Get(); }
  // The share of its time that the worker spent in turns with work between the last samples, and less where no packet
  // came since. `now` is the time-stamp counter.
  double Busy(uint64_t now) const;

 private:
  void Begin();
  void AddLap(Stage stage, uint32_t packets);
  void End();

  bool sampling_ = false;
  uint32_t every_ = kStageSampling;
  uint32_t until_sample_ = kStageSampling;
  uint64_t begin_ = 0;
  uint64_t last_ = 0;
  std::array<uint64_t, kStageCount> lap_cycles_{};  // of this turn
  std::array<uint64_t, kStageCount> lap_packets_{};

  // The worker's thread writes these, any thread reads them.
  std::array<Counter, kStageCount> cycles_;
  std::array<Counter, kStageCount> packets_;
  std::atomic<uint64_t> sampled_at_{0};  // the end of the last sample
  std::atomic<uint64_t> span_{0};        // from the end of the sample before it
  std::atomic<double> busy_{0};          // a moving average of the share of such spans
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PIPELINE_TURN_STAGE_CLOCK_H_
