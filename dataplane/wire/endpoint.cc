#include "dataplane/wire/endpoint.h"

#include <arpa/inet.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace warp::wire {

absl::StatusOr<IpAddress> IpAddress::Parse(absl::string_view text) {
  const std::string terminated(text);
  std::array<uint8_t, 4> v4;
  std::array<uint8_t, 16> v6;
  // inet_pton would not see what follows a zero byte.
  if (terminated.find('\0') == std::string::npos) {
    if (inet_pton(AF_INET, terminated.c_str(), v4.data()) == 1) return V4(v4);
    if (inet_pton(AF_INET6, terminated.c_str(), v6.data()) == 1) return V6(v6);
  }
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not an IP address"));
}

bool IpAddress::is_unspecified() const { return *this == IpAddress() || *this == V4({0, 0, 0, 0}); }

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[12] == 127;
  return *this == V6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
}

bool IpAddress::is_multicast() const {
  if (is_v4()) {
    return (bytes_[12] & 0xf0) == 0xe0 || *this == V4({255, 255, 255, 255});
  }
  return bytes_[0] == 0xff;
}

bool IpAddress::is_link_local() const {
  if (is_v4()) return bytes_[12] == 169 && bytes_[13] == 254;
  return bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

std::string IpAddress::ToString() const {
  char text[INET6_ADDRSTRLEN];
  if (is_v4()) {
    inet_ntop(AF_INET, v4_bytes().data(), text, sizeof(text));
  } else {
    inet_ntop(AF_INET6, bytes_.data(), text, sizeof(text));
  }
  return text;
}

absl::StatusOr<Endpoint> Endpoint::Parse(absl::string_view text) {
  const auto error = [text] {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", text, "\" is not an endpoint such as 192.0.2.1:13116 or [2001:db8::1]:13116"));
  };
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return error();
  absl::string_view host = text.substr(0, colon);
  const absl::string_view digits = text.substr(colon + 1);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);

  const absl::StatusOr<IpAddress> address = IpAddress::Parse(host);
  // "::1:13116" would be ambiguous, "[192.0.2.1]:13116" is not the text of anything.
  const bool is_v6_text = host.find(':') != absl::string_view::npos;
  if (!address.ok() || bracketed != is_v6_text) return error();

  const bool all_digits =
      !digits.empty() && digits.size() <= 5 &&
      std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
  uint32_t port = 0;
  if (!all_digits || !absl::SimpleAtoi(digits, &port) || port == 0 || port > 65535) return error();
  return Endpoint{*address, static_cast<uint16_t>(port)};
}

std::string Endpoint::ToString() const {
  if (address.is_v4()) return absl::StrCat(address.ToString(), ":", port);
  return absl::StrCat("[", address.ToString(), "]:", port);
}

}  // namespace warp::wire
