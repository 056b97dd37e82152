// A set of addresses that begin alike: one address, or a prefix (RFC 4632, RFC 4291 section 2.3).
#ifndef WARP_CONTROL_CONFIG_TEXT_IP_PREFIX_H_
#define WARP_CONTROL_CONFIG_TEXT_IP_PREFIX_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dataplane/wire/endpoint.h"

namespace warp::config {

struct IpPrefix {
  wire::IpAddress address;  // with zeros behind the prefix
  uint8_t length = 0;       // in bits of the address as it is written: 0 to 32, or 0 to 128

  // Accepts "198.51.100.7", "10.0.0.0/8" and "2001:db8::/32". InvalidArgument says what is wrong, without the text.
  static absl::StatusOr<IpPrefix> Parse(absl::string_view text);
  std::string ToString() const;

  // Never true of an address of the other family.
  bool Contains(const wire::IpAddress& other) const;

  friend bool operator==(const IpPrefix&, const IpPrefix&) = default;
};

// An address of an interface, and how many of its bits are those of the network behind it: "10.9.0.1/24".
struct InterfaceAddress {
  wire::IpAddress address;
  uint8_t length = 0;

  // The length must be there. InvalidArgument says what is wrong, without the text.
  static absl::StatusOr<InterfaceAddress> Parse(absl::string_view text);
  std::string ToString() const;
  IpPrefix Network() const;

  friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
};

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_TEXT_IP_PREFIX_H_
