#include "control/loop/names/found.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "control/loop/names/translation.h"

namespace warp::control {
namespace {

constexpr size_t kMostEndpoints = 16;
// Of which fewer are tried.
constexpr size_t kMostRecords = 64;

// Of too many, each family keeps its half at least: a name server must not be able to hide one behind the other. Which
// ones are kept is another choice each `turn`, so that all of them are tried at some time.
void Rotate(std::vector<wire::Endpoint>::iterator begin, std::vector<wire::Endpoint>::iterator end,
            size_t turn) {
  const auto size = static_cast<size_t>(end - begin);
  if (size > kMostEndpoints / 2)
    std::rotate(begin, begin + static_cast<ptrdiff_t>(turn * (kMostEndpoints / 2) % size), end);
}

void Shorten(std::vector<wire::Endpoint>& endpoints, size_t turn) {
  if (endpoints.size() <= kMostEndpoints) return;
  const auto middle =
      std::stable_partition(endpoints.begin(), endpoints.end(),
                            [](const wire::Endpoint& one) { return one.address.is_v4(); });
  Rotate(endpoints.begin(), middle, turn);
  Rotate(middle, endpoints.end(), turn);
  auto v4 = static_cast<size_t>(middle - endpoints.begin());
  size_t v6 = endpoints.size() - v4;
  while (v4 + v6 > kMostEndpoints) --(v4 > v6 ? v4 : v6);
  endpoints.erase(middle + static_cast<ptrdiff_t>(v6), endpoints.end());
  endpoints.erase(endpoints.begin() + static_cast<ptrdiff_t>(v4), middle);
  std::sort(endpoints.begin(), endpoints.end());
}

}  // namespace

absl::StatusOr<WatchedName> WatchedName::Parse(absl::string_view text) {
  const size_t colon = text.rfind(':');
  uint32_t port = 0;
  if (colon == absl::string_view::npos || colon == 0 ||
      !absl::SimpleAtoi(text.substr(colon + 1), &port) || port == 0 || port > UINT16_MAX)
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not of the form host:port"));
  return WatchedName{std::string(text.substr(0, colon)), static_cast<uint16_t>(port)};
}

absl::StatusOr<Found> EndpointsOf(const WatchedName& name, const absl::StatusOr<DnsFound>& answer,
                                  size_t turn) {
  if (!answer.ok()) {
    return absl::NotFoundError(
        absl::StrCat("cannot resolve ", name.host, ": ", answer.status().message()));
  }
  Found found;
  for (const wire::IpAddress& address : answer->addresses)
    found.endpoints.push_back({address, name.port});
  std::sort(found.endpoints.begin(), found.endpoints.end());
  found.endpoints.erase(std::unique(found.endpoints.begin(), found.endpoints.end()),
                        found.endpoints.end());
  Shorten(found.endpoints, turn);
  if (found.endpoints.empty())
    return absl::NotFoundError(absl::StrCat(name.host, " has no address"));
  return found;
}

absl::StatusOr<Found> ServicesOf(const WatchedName& name, const absl::StatusOr<DnsFound>& answer) {
  if (answer.ok()) return Found{.services = answer->services};
  return absl::Status(answer.status().code(),
                      absl::StrCat("cannot resolve ", name.host, ": ", answer.status().message()));
}

absl::StatusOr<Found> PrefixesOf(const absl::StatusOr<DnsFound>& answer) {
  if (answer.ok()) return Found{.prefixes = answer->prefixes};
  return absl::NotFoundError(
      absl::StrCat("cannot resolve ", kIpv4OnlyName, ": ", answer.status().message()));
}

Found Together(const std::vector<Found>& all) {
  Found together;
  const auto add = [](const auto& from, size_t i, size_t most, auto& to) {
    if (i < from.size() && to.size() < most && std::find(to.begin(), to.end(), from[i]) == to.end())
      to.push_back(from[i]);
  };
  size_t longest = 0;
  for (const Found& one : all)
    longest = std::max({longest, one.endpoints.size(), one.services.size(), one.prefixes.size()});
  for (size_t i = 0; i < longest; ++i) {
    for (const Found& one : all) {
      add(one.endpoints, i, kMostEndpoints, together.endpoints);
      add(one.services, i, kMostRecords, together.services);
      add(one.prefixes, i, kMostPrefixes, together.prefixes);
    }
  }
  std::sort(together.endpoints.begin(), together.endpoints.end());
  std::sort(together.services.begin(), together.services.end());
  return together;
}

}  // namespace warp::control
