// Counters of the packet path: one writer each, readable from any thread at any time.
#ifndef WARP_DATAPLANE_FACADE_COUNTERS_H_
#define WARP_DATAPLANE_FACADE_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "dataplane/wire/drop.h"

namespace warp::lcore {

// A load and a store instead of a locked add, which one writer affords.
class Counter {
 public:
  void Add(uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  uint64_t Get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

class DropCounters {
 public:
  void Add(wire::Drop drop, uint64_t n = 1) { counters_[static_cast<size_t>(drop)].Add(n); }
  void Add(const DropCounters& others) {
    for (size_t i = 0; i < counters_.size(); ++i) counters_[i].Add(others.counters_[i].Get());
  }
  uint64_t Get(wire::Drop drop) const { return counters_[static_cast<size_t>(drop)].Get(); }

 private:
  std::array<Counter, wire::kDropCount> counters_;
};

// One path's traffic, as its port's lcore saw it. Made by control, named by snapshots, freed after
// their grace period.
struct alignas(64) PathCounters {
  Counter tx_copies;     // taken by the port
  Counter tx_dropped;    // refused by the port, or no header buffer
  Counter tx_bytes;      // of the frames taken
  Counter rx_first;      // payloads and control messages for which this path's copy was claimed: it
                         // arrived first
  Counter rx_duplicate;  // copies that another copy had beaten
  Counter rx_bytes;      // of the frames received, first or duplicate
  Counter skew_samples;  // duplicates whose lag behind the first copy is known (sampled)
  Counter skew_total_ns;  // sum of those lags
};

// What a worker does in one turn, in this order (docs/packet-journey.md).
enum class Stage : uint8_t {
  kRx,         // in: a burst from the port
  kParse,      // headers; ours or not; session and path
  kLook,       // the window, before any cryptography; duplicates end here
  kOpen,       // authenticate and decrypt
  kClaim,      // the counter is ours, or another copy's
  kDeliver,    // to control
  kTake,       // out: a burst from control; counters
  kSeal,       // headers and encryption
  kReplicate,  // a copy for each path; to other workers what is theirs
  kTx,         // to the ports
  kComplete,   // what became of it, to control
  kCount,
};
inline constexpr size_t kStageCount = static_cast<size_t>(Stage::kCount);
inline constexpr std::array<absl::string_view, kStageCount> kStageNames = {
    "rx",   "parse", "look",      "open", "claim",   "deliver",
    "take", "seal",  "replicate", "tx",   "complete"};

// What a worker is doing, as any thread may read it.
struct WorkerStatus {
  struct
      Cost {  // of the turns that were measured, one in kStageSampling of those that moved packets
    uint64_t packets = 0;
    uint64_t cycles = 0;  // of the time-stamp counter
  };
  int cpu = -1;     // which it owns; -1: it shares
  double busy = 0;  // share of its time in turns that moved packets, of late
  std::array<Cost, kStageCount> stages;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_FACADE_COUNTERS_H_
