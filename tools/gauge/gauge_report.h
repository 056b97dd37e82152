// The result of a gauge run, for humans and for programs.
#ifndef WARP_TOOLS_GAUGE_GAUGE_REPORT_H_
#define WARP_TOOLS_GAUGE_GAUGE_REPORT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "tools/gauge/gauge_tally.h"

namespace warp::tools {

struct GaugeReport {
  enum class Mode : uint8_t { kTx, kRx, kEcho };

  Mode mode = Mode::kTx;
  double seconds = 0;        // tx: of sending; else: from the first to the last arrival
  uint64_t sent = 0;         // tx: by us; rx: by the sender, as far as we know; echo: returned
  uint64_t send_errors = 0;  // datagrams that the kernel refused to send
  uint64_t overruns = 0;     // arrived, but this program was too slow
  std::optional<GaugeTally> tally;  // where datagrams were awaited
  bool distribution = false;        // ReportJson writes all latencies, too

  uint64_t lost() const { return tally && sent > tally->received() ? sent - tally->received() : 0; }
};

// One line: {"mode":"tx","sent":…,"received":…,"lost":…,"duplicated":…,"reordered":…,"corrupt":…,"foreign":…,"stale":…,
// "latency_us":{"p50":…,"p99":…,"p99.9":…,"max":…}|null,"longest_gap_ms":…,…}. Of what was not awaited there are no
// members. With `distribution`: "latencies":[[µs at most, how many],…]. With a timeline: "timeline":{"first_ns":…
// (CLOCK_MONOTONIC of the first arrival),"interval_ms":…,"arrivals":[…]}.
std::string ReportJson(const GaugeReport& report);
// Returns a few lines of text.
std::string ReportText(const GaugeReport& report);
// Returns one line of progress.
std::string ProgressText(const GaugeReport& report);

}  // namespace warp::tools

#endif  // WARP_TOOLS_GAUGE_GAUGE_REPORT_H_
