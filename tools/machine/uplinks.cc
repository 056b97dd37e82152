#include "tools/machine/uplinks.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/machine/json.h"

namespace warp::tools {

absl::StatusOr<std::vector<std::string>> ReadUplinks(const Machine& machine) {
  std::vector<std::pair<int64_t, std::string>> found;  // by metric
  const auto add = [&found](int64_t metric, const std::string& interface) {
    if (!interface.empty() && interface != "lo") found.emplace_back(metric, interface);
  };
  const absl::StatusOr<std::string> text =
      machine.Run({"ip", "-j", "route", "show", "default", "table", "all"});
  if (!text.ok()) {
    return absl::Status(text.status().code(),
                        absl::StrCat("ip cannot say the routes: ", text.status().message()));
  }
  const Json routes = ParseJson(*text);
  for (const Json& route : ListOf(routes)) {
    const int64_t metric = NumberOf(Member(route, "metric")).value_or(0);
    add(metric, TextOf(route, "dev"));
    for (const Json& hop : ListOf(route, "nexthops")) add(metric, TextOf(hop, "dev"));
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> uplinks;
  for (const auto& [metric, interface] : found) {
    if (std::find(uplinks.begin(), uplinks.end(), interface) == uplinks.end()) {
      uplinks.push_back(interface);
    }
  }
  return uplinks;
}

}  // namespace warp::tools
