#include "tools/metrics/family.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_join.h"

namespace warp::tools {
namespace {

constexpr char kOther[] = "other";

double Merged(MetricMerge merge, double one, double other) {
  switch (merge) {
    case MetricMerge::kMost:
      return std::max(one, other);
    case MetricMerge::kLeast:
      return std::min(one, other);
    case MetricMerge::kSum:
      break;
  }
  return one + other;
}

}  // namespace

size_t Family::SeriesOf(const std::vector<std::string>& values) {
  const std::string key = absl::StrJoin(values, "\n");
  if (const auto found = index_.find(key); found != index_.end()) return found->second;
  if (series_.size() >= max_series_ && !labels_.empty()) {
    const std::vector<std::string> others(labels_.size(), kOther);
    if (values != others) return SeriesOf(others);
  }
  prometheus::ClientMetric& series = series_.emplace_back();
  for (size_t i = 0; i < labels_.size(); ++i) {
    series.label.push_back({std::string(labels_[i]), values[i]});
  }
  return index_[key] = series_.size() - 1;
}

void Family::Add(const std::vector<std::string>& values, double value) {
  const size_t before = series_.size();
  prometheus::ClientMetric& series = series_[SeriesOf(values)];
  const bool is_new = series_.size() > before;
  double& kept = metric_.kind == MetricKind::kCounter ? series.counter.value : series.gauge.value;
  kept = is_new ? value : Merged(metric_.merge, kept, value);
}

prometheus::MetricFamily Family::Take() {
  index_.clear();
  return {.name = std::string(metric_.name),
          .help = std::string(metric_.help),
          .type = metric_.kind == MetricKind::kCounter ? prometheus::MetricType::Counter
                                                       : prometheus::MetricType::Gauge,
          .metric = std::exchange(series_, {})};
}

}  // namespace warp::tools
