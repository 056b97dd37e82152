// A status document as metrics. The document comes of another process and may be anything: what is missing or null
// gives no series, what is of another type is counted, and what is no status at all gives `warp_up 0`.
#ifndef WARP_TOOLS_METRICS_EXPOSITION_H_
#define WARP_TOOLS_METRICS_EXPOSITION_H_

#include <prometheus/metric_family.h>

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace warp::tools {

// The version of the status document (docs/status.md) that the table of metrics is made for.
inline constexpr int kKnownStatusVersion = 1;
// Series of one family. What is beyond is one series more, each of whose labels is `other`.
inline constexpr size_t kMaxSeries = 2000;
// Bytes of a label's value. What is longer is cut.
inline constexpr size_t kMaxLabelSize = 128;

struct Exposition {
  std::vector<prometheus::MetricFamily>
      families;  // in the order of the table, none without a series
  // Why warp_up is 0, in one sentence; empty: it is 1.
  std::string trouble;
};

// `status`: the text of the document, or why there is none. Any thread.
Exposition Expose(const absl::StatusOr<std::string>& status, size_t max_series = kMaxSeries);

}  // namespace warp::tools

#endif  // WARP_TOOLS_METRICS_EXPOSITION_H_
