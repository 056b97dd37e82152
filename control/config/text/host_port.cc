#include "control/config/text/host_port.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control/config/text/digits.h"

namespace warp::config {
namespace {

bool IsDnsLabel(absl::string_view label) {
  return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
         });
}

// The last label must not be all digits, because some programs would read such a name as an IPv4 address and others
// would not (RFC 3696 section 2).
bool IsDnsName(absl::string_view name) {
  if (name.empty() || name.size() > 253) return false;
  const std::vector<absl::string_view> labels = absl::StrSplit(name, '.');
  const absl::string_view last = labels.back();
  return std::all_of(labels.begin(), labels.end(), IsDnsLabel) &&
         !std::all_of(last.begin(), last.end(),
                      [](char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); });
}

}  // namespace

absl::StatusOr<HostPort> HostPort::Parse(absl::string_view text) {
  if (absl::StrContains(text, "://")) {
    return absl::InvalidArgumentError("is a URL: write host:port alone");
  }
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos || text.back() == ']') {
    return absl::InvalidArgumentError("has no port: write host:port");
  }
  const std::optional<uint64_t> port = ReadDigits(text.substr(colon + 1));
  if (!port || *port == 0 || *port > 65535) {
    return absl::InvalidArgumentError("has no port from 1 to 65535 behind its last colon");
  }
  absl::string_view host = text.substr(0, colon);
  const bool brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (!brackets && absl::StrContains(host, ':')) {
    return absl::InvalidArgumentError("needs brackets around an IPv6 address: [2001:db8::1]:13116");
  }
  if (brackets) host = host.substr(1, host.size() - 2);

  HostPort result{.host = std::string(host), .port = static_cast<uint16_t>(*port)};
  if (const size_t percent = host.find('%'); brackets && percent != absl::string_view::npos) {
    result.interface = std::string(host.substr(percent + 1));
    host = host.substr(0, percent);
    if (result.interface.empty())
      return absl::InvalidArgumentError("has no interface behind its %: [fe80::b%wan0]:13116");
  }
  const absl::StatusOr<wire::IpAddress> address = wire::IpAddress::Parse(host);
  if (address.ok() && !result.interface.empty() && !address->is_link_local()) {
    return absl::InvalidArgumentError(
        "names an interface, which only a link-local address (fe80::) may");
  }
  if (address.ok() && address->is_v4() != brackets) {
    result.host = address->ToString();
    result.literal = wire::Endpoint{*address, result.port};
    return result;
  }
  if (brackets || !IsDnsName(host)) {
    return absl::InvalidArgumentError("has neither an IP address nor a name before its port");
  }
  return result;
}

absl::StatusOr<HostPort> HostPort::ParseServer(absl::string_view text) {
  if (IsDnsName(text)) return HostPort{.host = std::string(text)};
  return Parse(text);
}

std::string HostPort::ToString() const {
  if (port == 0) return host;
  if (!interface.empty()) return absl::StrCat("[", host, "%", interface, "]:", port);
  return literal ? literal->ToString() : absl::StrCat(host, ":", port);
}

}  // namespace warp::config
