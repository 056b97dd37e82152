#include "control/loop/names/services.h"

// What c-ares 1.28 calls old is all that 1.18 has.
#define CARES_NO_DEPRECATED
#include <ares.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"

namespace warp::control {
namespace {

constexpr size_t kLongestName = 253;

bool IsHostName(absl::string_view name) {
  return !name.empty() && name.size() <= kLongestName && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' ||
                  c == '.';
         });
}

}  // namespace

absl::StatusOr<std::vector<ServiceRecord>> ReadServices(wire::Bytes answer) {
  ares_srv_reply* list = nullptr;
  const int error = ares_parse_srv_reply(answer.data(), static_cast<int>(answer.size()), &list);
  if (error == ARES_ENODATA || error == ARES_ENOTFOUND)
    return absl::NotFoundError(ares_strerror(error));
  if (error != ARES_SUCCESS) return absl::UnavailableError(ares_strerror(error));
  std::vector<ServiceRecord> records;
  size_t named = 0;
  bool no_service = false;
  for (const ares_srv_reply* reply = list; reply != nullptr; reply = reply->next, ++named) {
    absl::string_view target = reply->host == nullptr ? "" : reply->host;
    if (target.empty() || target == ".") no_service = true;
    if (target.size() > 1 && target.back() == '.') target.remove_suffix(1);
    if (reply->port == 0 || !IsHostName(target)) continue;
    records.push_back({reply->priority, reply->weight, reply->port, std::string(target)});
  }
  if (list != nullptr) ares_free_data(list);
  if (named == 0) return absl::NotFoundError("no records");
  if (records.empty() && no_service)
    return absl::FailedPreconditionError("the domain says that it has no map");
  if (records.empty()) return absl::UnavailableError("no record names a host and a port");
  std::sort(records.begin(), records.end());
  records.erase(std::unique(records.begin(), records.end()), records.end());
  return records;
}

std::vector<ServiceRecord> InOrder(std::vector<ServiceRecord> records,
                                   const std::function<uint32_t(uint32_t)>& random) {
  std::sort(records.begin(), records.end());
  std::vector<ServiceRecord> order;
  while (!records.empty() && order.size() < kMostServices) {
    // Those of the lowest priority that is left come first, and among them those without a weight.
    uint32_t sum = 0;
    size_t end = 0;
    for (; end < records.size() && records[end].priority == records[0].priority; ++end)
      sum += records[end].weight;
    const uint32_t chosen = random(sum);
    size_t i = 0;
    for (uint32_t running = records[0].weight; running < chosen && i + 1 < end;)
      running += records[++i].weight;
    order.push_back(std::move(records[i]));
    records.erase(records.begin() + static_cast<ptrdiff_t>(i));
  }
  return order;
}

}  // namespace warp::control
