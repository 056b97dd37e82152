// Holds the table of metrics against docs/metrics.md, and the fields that it reads against docs/status.md.
#include "tools/metrics/metric_table.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/status_page.h"

namespace warp::tools {
namespace {

const char* TypeOf(const Metric& metric) {
  return metric.kind == MetricKind::kCounter ? "counter" : "gauge";
}

// The row that docs/metrics.md must have.
std::string Row(const Metric& metric) {
  std::string field = metric.field.empty() ? "" : absl::StrCat("`", metric.field, "`");
  if (!metric.word.empty()) absl::StrAppend(&field, " is `", metric.word, "`");
  return absl::StrCat("| `", metric.name, "` | ", TypeOf(metric), " | ",
                      absl::StrJoin(LabelsOf(metric), ", "), " | ", field, " | ", metric.help,
                      " |");
}

TEST(MetricTableTest, ThePageHasARowForEachMetricAndNoOther) {
  std::ifstream file(WARP_METRICS_PAGE);
  ASSERT_TRUE(file) << WARP_METRICS_PAGE;
  std::multiset<std::string> rows;
  for (std::string line; std::getline(file, line);) {
    if (absl::StartsWith(line, "| `warp_")) rows.insert(line);
  }
  for (const Metric& metric : MetricTable()) {
    EXPECT_EQ(rows.count(Row(metric)), 1u) << "docs/metrics.md lacks:\n" << Row(metric);
    rows.erase(Row(metric));
  }
  for (const std::string& row : rows) ADD_FAILURE() << "docs/metrics.md: no metric: " << row;
}

// The type that docs/status.md must give the field.
bool Fits(MetricKind kind, const std::set<std::string>& types) {
  switch (kind) {
    case MetricKind::kCounter:
      return types.contains("integer");
    case MetricKind::kGauge:
      return types.contains("integer") || types.contains("number");
    case MetricKind::kBoolean:
      return types.contains("boolean");
    case MetricKind::kWord:
    case MetricKind::kPresent:
    case MetricKind::kInfo:
      return types.contains("string");
    case MetricKind::kComputed:
      return false;
  }
  return false;
}

TEST(MetricTableTest, EachFieldIsOneOfTheStatus) {
  const StatusFields node = DocumentedFields(WARP_STATUS_PAGE, "warpd");
  const StatusFields map = DocumentedFields(WARP_STATUS_PAGE, "warp-map");
  for (const Metric& metric : MetricTable()) {
    if (metric.kind == MetricKind::kComputed) {
      EXPECT_EQ(metric.field, "");
      continue;
    }
    const std::string field(metric.field);
    const bool of_map = absl::StartsWith(field, "map.") || absl::StartsWith(field, "streams.") ||
                        absl::StartsWith(field, "store.");
    const StatusFields& fields = of_map ? map : node;
    const auto row = fields.find(field);
    ASSERT_NE(row, fields.end()) << "docs/status.md lacks " << field;
    EXPECT_TRUE(Fits(metric.kind, row->second)) << field;
    EXPECT_EQ(metric.word.empty(), metric.kind != MetricKind::kWord) << metric.name;
  }
}

TEST(MetricTableTest, NamesKeepToTheConventions) {
  std::set<absl::string_view> names;
  for (const Metric& metric : MetricTable()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_TRUE(absl::StartsWith(metric.name, "warp_")) << metric.name;
    EXPECT_EQ(absl::EndsWith(metric.name, "_total"), metric.kind == MetricKind::kCounter)
        << metric.name;
    EXPECT_TRUE(absl::EndsWith(metric.help, ".")) << metric.name;
    // A scale turns the unit of a field into a base unit, which the name then says.
    if (metric.scale == 1e-3) {
      EXPECT_TRUE(absl::EndsWith(metric.name, "_seconds")) << metric.name;
    }
    if (metric.scale == 0.125) {
      EXPECT_TRUE(absl::EndsWith(metric.name, "_bytes_per_second")) << metric.name;
    }
    if (absl::StrContains(metric.field, "_ms")) {
      EXPECT_EQ(metric.scale, 1e-3) << metric.name;
    }
    for (const absl::string_view label : LabelsOf(metric)) {
      EXPECT_TRUE((std::set<absl::string_view>{"tunnel", "peer", "port", "path", "drop", "version",
                                               "state", "answer", "limit", "reason"})
                      .contains(label))
          << metric.name << ": " << label;
    }
  }
}

}  // namespace
}  // namespace warp::tools
