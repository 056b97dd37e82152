// The place of a service as an operator writes it: an IP address or a DNS name, and a UDP port.
#ifndef WARP_CONTROL_CONFIG_TEXT_HOST_PORT_H_
#define WARP_CONTROL_CONFIG_TEXT_HOST_PORT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dataplane/wire/endpoint.h"

namespace warp::config {

struct HostPort {
  std::string host;   // "198.51.100.7", "2001:db8::1" (no brackets) or "map.example.net"
  uint16_t port = 0;  // 1..65535; 0: the service records of the domain say where
  std::optional<wire::Endpoint> literal;  // set where host is an address: nothing to resolve
  // Of a link-local IPv6 address: the interface that leads to it ("wan0"; RFC 4007 section 11). Empty: not said.
  std::string interface = {};

  // Accepts "192.0.2.1:13116", "[2001:db8::1]:13116", "[fe80::b%wan0]:13116" and "map.example.net:13116". The port is
  // required. Names follow RFC 1123 section 2.1 (underscores are tolerated), at most 253
  // characters. InvalidArgument says what is wrong, without the text.
  static absl::StatusOr<HostPort> Parse(absl::string_view text);
  // The same, and a name alone: "example.net".
  static absl::StatusOr<HostPort> ParseServer(absl::string_view text);
  std::string ToString() const;

  friend bool operator==(const HostPort& a, const HostPort& b) {
    return a.host == b.host && a.port == b.port && a.interface == b.interface;
  }
};

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_TEXT_HOST_PORT_H_
