// Counters of the packet path. Each has one writer, but for those that say otherwise; any thread may read it at any
// time.
#ifndef WARP_DATAPLANE_FACADE_COUNTERS_H_
#define WARP_DATAPLANE_FACADE_COUNTERS_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"
#include "dataplane/facade/newest_arrival.h"
#include "dataplane/facade/skew_histogram.h"
#include "dataplane/wire/counters.h"

namespace warp::lcore {

using wire::Counter;
using wire::DropCounters;

// One payload of this many is followed: which path brought it first, and who else brought it.
inline constexpr uint64_t kFirstSampling = 16;

// Has several writers: for what is counted rarely.
class SharedCounter {
 public:
  void Add() { value_.fetch_add(1, std::memory_order_relaxed); }
  uint64_t Get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> value_{0};
};

// One path's traffic, as the lcore of its port saw it. Control makes the counters and snapshots name them; they are
// freed after the grace period of the last snapshot that does.
struct alignas(64) PathCounters {
  Counter tx_copies;  // The port took them.
  Counter tx_bytes;   // of the frames that the port took
  // Payloads and control messages of which this path's copy arrived first, so that it was claimed.
  Counter rx_first;
  Counter rx_duplicate;  // Another copy had arrived before.
  Counter rx_bytes;      // of the frames received, first or duplicate
  NewestCell newest;     // of those, control messages left out

  // What few bursts change: the second cache line begins among it.
  Counter tx_dropped;  // The port refused them, or there was no buffer for their header.
  // Of one payload in kFirstSampling whose copy by this path came first: how many there were, and of how many of them
  // another path brought a copy too. The rest nobody would have had without this path. Two sets of counters take turns
  // of some seconds, so that each stands still while the last copies of what it counted arrive.
  std::array<Counter, 2> sampled_first;
  std::array<SharedCounter, 2> sampled_paired;
  // The lags of duplicates behind the first copy, of those that were sampled, and their sum.
  Counter skew_total_ns;
  SkewHistogram skew;
};
static_assert(offsetof(PathCounters, newest) + sizeof(NewestCell) <= 64);

// The stages of a worker's turn, in their order (docs/packet-journey.md): inbound to kDeliver, outbound from kTake.
enum class Stage : uint8_t {
  kRx,         // takes a burst from the port
  kParse,      // reads the headers and finds session and path of what is ours
  kLook,       // looks into the window before any cryptography; duplicates end here
  kOpen,       // authenticates and decrypts
  kClaim,      // claims the counter, unless another copy has it
  kDeliver,    // hands the plaintext to control
  kTake,       // takes a burst from control and reserves counters
  kSeal,       // writes headers and encrypts
  kReplicate,  // makes a copy for each path, and hands other workers theirs
  kTx,         // gives the copies to the ports
  kComplete,   // reports to control what became of the payload
};
inline constexpr size_t kStageCount = static_cast<size_t>(Stage::kComplete) + 1;
inline constexpr std::array<absl::string_view, kStageCount> kStageNames = {
    "rx",   "parse", "look",      "open", "claim",   "deliver",
    "take", "seal",  "replicate", "tx",   "complete"};
static_assert(kStageNames.back() == "complete");  // Each stage has its name.

// What a worker is doing.
struct WorkerStatus {
  // The cost of a stage in the turns that were measured: one in kStageSampling of those that moved packets.
  struct Cost {
    uint64_t packets = 0;
    uint64_t cycles = 0;  // of the time-stamp counter
  };
  int cpu = -1;     // the CPU that it owns; -1: it shares CPUs
  double busy = 0;  // the share of its recent time that went into turns that moved packets
  std::array<Cost, kStageCount> stages;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_FACADE_COUNTERS_H_
