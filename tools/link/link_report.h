// What a link did, for humans and for programs.
#ifndef WARP_TOOLS_LINK_LINK_REPORT_H_
#define WARP_TOOLS_LINK_LINK_REPORT_H_

#include <array>
#include <cstdint>
#include <string>

#include "tools/gauge/latency_histogram.h"
#include "tools/link/model/link_direction.h"

namespace warp::tools {

struct LinkDirectionReport {
  LinkCounts counts;
  uint64_t under_way = 0;  // neither arrived nor dropped at the end
  LatencyHistogram queue;  // ns, sampled each millisecond
};

struct LinkReport {
  uint64_t started_ns = 0;  // CLOCK_MONOTONIC of the link's begin
  double seconds = 0;
  uint64_t seed = 0;
  std::array<LinkDirectionReport, 2> directions;  // up (NEAR to FAR), down
};

inline constexpr std::array<const char*, 2> kLinkDirections = {"up", "down"};

// One line: {"seconds":…,"started_ns":…,"seed":…,"up":{"frames":…,"bytes":…,"delivered":…,"delivered_bytes":…,
// "duplicated":…,"corrupted":…,"reordered":…,"under_way":…,"drops":{"queue":…,…},"queue_ms":{"p50":…,"p99":…,"max":…},
// "goodput_bit_s":…},"down":{…}}. frames = delivered + under_way + all drops but overrun.
std::string LinkReportJson(const LinkReport& report);
// A table.
std::string LinkReportText(const LinkReport& report);

}  // namespace warp::tools

#endif  // WARP_TOOLS_LINK_LINK_REPORT_H_
