// The series of one metric, of which there are only so many.
#ifndef WARP_TOOLS_METRICS_FAMILY_H_
#define WARP_TOOLS_METRICS_FAMILY_H_

#include <prometheus/metric_family.h>

#include <cstddef>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "tools/metrics/metric_table.h"

namespace warp::tools {

class Family {
 public:
  Family(const Metric& metric, size_t max_series)
      : metric_(metric), labels_(LabelsOf(metric)), max_series_(max_series) {}

  // `values`: of the metric's labels, in their order; text without control characters. A value for labels that have one
  // already is merged with it; where there are too many series, it is one of `other`.
  void Add(const std::vector<std::string>& values, double value);

  bool empty() const { return series_.empty(); }
  prometheus::MetricFamily Take();  // leaves nothing

 private:
  size_t SeriesOf(const std::vector<std::string>& values);

  const Metric& metric_;
  const std::vector<absl::string_view> labels_;
  const size_t max_series_;
  absl::flat_hash_map<std::string, size_t> index_;  // the values of a series' labels, one a line
  std::vector<prometheus::ClientMetric> series_;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_METRICS_FAMILY_H_
