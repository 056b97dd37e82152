// Counts what became of the datagrams of one run, as a receiver sees it. It has no socket and no clock: `now` is a
// parameter.
#ifndef WARP_TOOLS_GAUGE_GAUGE_TALLY_H_
#define WARP_TOOLS_GAUGE_GAUGE_TALLY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "tools/gauge/gauge_datagram.h"
#include "tools/gauge/latency_histogram.h"

namespace warp::tools {

class GaugeTally {
 public:
  // Sequences at or above this count as corrupt: they bound the memory (256 MiB).
  static constexpr uint64_t kMaxSequence = uint64_t{1} << 31;
  // Intervals of the timeline beyond this are not kept.
  static constexpr size_t kMaxTimeline = 1 << 20;

  // The first datagram says which run this is. A later datagram of another run starts the tally anew, and Receive then
  // returns true. Late datagrams of the earlier run are stale.
  GaugeTally() = default;
  // Counts only this run. Datagrams of other runs are stale.
  explicit GaugeTally(uint64_t run) : run_(run), fixed_(true) {}

  // Also counts arrivals by intervals of `interval` (ns), from the first one on.
  void KeepTimeline(uint64_t interval) { interval_ = interval; }

  // `now` is in ns of CLOCK_MONOTONIC. Returns true if the datagram began a new run.
  bool Receive(uint64_t now, std::span<const uint8_t> datagram);

  // Tells that the sender has stopped at `now`. The time since the last arrival counts as a gap, and the time from here
  // on does not.
  void SenderStopped(uint64_t now);

  std::optional<uint64_t> run() const { return run_; }
  uint64_t received() const { return received_; }  // each datagram once
  uint64_t highest() const { return highest_; }    // 1 + the highest sequence; 0 before the first
  uint64_t duplicated() const { return duplicated_; }  // further copies
  uint64_t reordered() const { return reordered_; }    // arrived after one with a higher sequence
  uint64_t corrupt() const { return corrupt_; }
  uint64_t foreign() const { return foreign_; }  // not the gauge's
  uint64_t stale() const { return stale_; }      // of another run
  // The longest time without an arrival between the first and the last one, in ns. Duplicates are not arrivals.
  uint64_t longest_gap() const { return longest_gap_; }
  std::optional<uint64_t> last_arrival() const { return last_arrival_; }
  const LatencyHistogram& latency() const { return latency_; }
  // With KeepTimeline: how many datagrams arrived in each interval. Duplicates are not arrivals.
  const std::vector<uint32_t>& timeline() const { return timeline_; }
  uint64_t interval() const { return interval_; }
  std::optional<uint64_t> first_arrival() const { return first_arrival_; }

 private:
  void Begin(uint64_t run);
  void NoteArrival(uint64_t now);
  void NoteGap(uint64_t now);

  std::optional<uint64_t> run_;
  bool fixed_ = false;
  std::optional<uint64_t> run_before_;
  std::vector<uint64_t> seen_;  // a bit for each sequence
  uint64_t received_ = 0;
  uint64_t highest_ = 0;
  uint64_t duplicated_ = 0;
  uint64_t reordered_ = 0;
  uint64_t corrupt_ = 0;
  uint64_t foreign_ = 0;
  uint64_t stale_ = 0;
  uint64_t longest_gap_ = 0;
  bool sender_stopped_ = false;
  std::optional<uint64_t> first_arrival_;
  std::optional<uint64_t> last_arrival_;
  uint64_t interval_ = 0;
  std::vector<uint32_t> timeline_;
  LatencyHistogram latency_;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_GAUGE_GAUGE_TALLY_H_
