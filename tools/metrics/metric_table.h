// Every metric of `warp metrics`, declared once: its name, what it is read from, and its sentence of help. The reader
// (exposition.h) goes by this table alone, and a test holds docs/metrics.md and docs/status.md against it.
#ifndef WARP_TOOLS_METRICS_METRIC_TABLE_H_
#define WARP_TOOLS_METRICS_METRIC_TABLE_H_

#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace warp::tools {

// How a value comes of its field.
enum class MetricKind : uint8_t {
  kCounter,   // a number that only grows, at least 0
  kGauge,     // any number
  kBoolean,   // true: 1, false: 0
  kWord,      // 1 where the field is the word of the metric, else 0
  kPresent,   // 1 where there is such a field
  kInfo,      // 1, with the text of the field as the label `version`
  kComputed,  // no field: the reader says it of its own reading
};

// What series with the same labels become together: those beyond the limit, and elements without labels of their own.
enum class MetricMerge : uint8_t { kSum, kMost, kLeast };

struct Metric {
  absl::string_view name;  // snake case, with its base unit; counters end in _total
  MetricKind kind;
  // As docs/status.md writes it: "peers[].paths[].rtt_ms". `<drop>` stands for each member of the object, whose name is
  // the label `drop`. Other labels follow from the lists on the way.
  absl::string_view field;
  absl::string_view help;
  double scale = 1;        // of the field's unit to the metric's
  absl::string_view word;  // of kWord
  MetricMerge merge = MetricMerge::kSum;
};

absl::Span<const Metric> MetricTable();

// "drop" of "<drop>"; empty where the part of a field stands for itself.
absl::string_view NameOf(absl::string_view member);

// A label, and the member of the list's element that it is taken from.
struct MetricLabel {
  absl::string_view label;
  absl::string_view member;
};

// The labels of an element of this list ("peers"); none of a list whose elements are counted together.
absl::Span<const MetricLabel> LabelsOfList(absl::string_view list);

// All labels of a metric, outermost first, each once.
std::vector<absl::string_view> LabelsOf(const Metric& metric);

}  // namespace warp::tools

#endif  // WARP_TOOLS_METRICS_METRIC_TABLE_H_
