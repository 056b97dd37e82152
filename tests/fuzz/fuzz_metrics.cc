// Reads anything as a daemon's status. Whatever it is, the metrics of it are few enough, no series is there twice, and
// all numbers are numbers.
#include <cmath>
#include <set>
#include <string>
#include <utility>

#include "tests/fuzz/fuzz_target.h"
#include "tools/metrics/exposition.h"

using namespace warp::tools;

namespace {

constexpr size_t kFew = 3;

void CheckFamily(const prometheus::MetricFamily& family) {
  WARP_FUZZ_CHECK(!family.name.empty() && !family.help.empty());
  WARP_FUZZ_CHECK(!family.metric.empty() && family.metric.size() <= kFew + 1);
  std::set<std::vector<prometheus::ClientMetric::Label>> seen;
  for (const prometheus::ClientMetric& series : family.metric) {
    WARP_FUZZ_CHECK(seen.insert(series.label).second);
    for (const auto& label : series.label) WARP_FUZZ_CHECK(label.value.size() <= kMaxLabelSize);
    const bool counter = family.type == prometheus::MetricType::Counter;
    WARP_FUZZ_CHECK(!std::isnan(counter ? series.counter.value : series.gauge.value));
    WARP_FUZZ_CHECK(!counter || series.counter.value >= 0);
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const Exposition exposition =
      Expose(std::string(reinterpret_cast<const char*>(data), size), kFew);
  for (const prometheus::MetricFamily& family : exposition.families) CheckFamily(family);
  WARP_FUZZ_CHECK(exposition.families.at(0).name == "warp_up");
  WARP_FUZZ_CHECK(exposition.trouble.empty() ==
                  (exposition.families[0].metric.at(0).gauge.value == 1));
  return 0;
}
