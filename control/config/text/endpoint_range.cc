#include "control/config/text/endpoint_range.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "control/config/text/digits.h"

namespace warp::config {

absl::StatusOr<EndpointRange> EndpointRange::Parse(absl::string_view text) {
  // No address has a hyphen.
  const size_t hyphen = text.find('-');
  const absl::StatusOr<wire::Endpoint> first = wire::Endpoint::Parse(text.substr(0, hyphen));
  if (!first.ok()) {
    return absl::InvalidArgumentError(
        "is not an address and port such as 192.0.2.1:13116 or [::1]:13116");
  }
  if (hyphen == absl::string_view::npos) return EndpointRange(*first);
  const std::optional<uint64_t> last = ReadDigits(text.substr(hyphen + 1));
  if (!last || *last > UINT16_MAX || *last < first->port || *last - first->port >= kMostPorts) {
    return absl::InvalidArgumentError(absl::StrCat(
        "is not a range of ports such as 127.0.0.1:10000-10099: the last one follows the first, "
        "and they are at most ",
        kMostPorts));
  }
  return EndpointRange(*first, static_cast<uint16_t>(*last - first->port + 1));
}

std::string EndpointRange::ToString() const {
  if (ports == 1) return first.ToString();
  return absl::StrCat(first.ToString(), "-", first.port + ports - 1);
}

}  // namespace warp::config
