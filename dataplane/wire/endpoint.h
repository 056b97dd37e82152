// Addresses of the underlay: an IP address, and an endpoint (address and UDP port).
//
// IPv4 addresses are held as IPv4-mapped IPv6 addresses (RFC 4291 section 2.5.5.2), so that one type, one comparison
// and one hash serve both families. A link-local address needs no scope here, since a path always names its port.
#ifndef WARP_DATAPLANE_WIRE_ENDPOINT_H_
#define WARP_DATAPLANE_WIRE_ENDPOINT_H_

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace warp::wire {

class IpAddress {
 public:
  constexpr IpAddress() = default;  // the unspecified address ::

  static constexpr IpAddress V6(const std::array<uint8_t, 16>& bytes) {
    IpAddress address;
    address.bytes_ = bytes;
    return address;
  }
  static constexpr IpAddress V4(const std::array<uint8_t, 4>& bytes) {
    return V6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, bytes[0], bytes[1], bytes[2], bytes[3]});
  }
  // Accepts "192.0.2.1" and "2001:db8::1", without brackets, scope or prefix length. InvalidArgument otherwise.
  static absl::StatusOr<IpAddress> Parse(absl::string_view text);

  bool is_v4() const { return std::memcmp(bytes_.data(), kV4Prefix.data(), kV4Prefix.size()) == 0; }
  bool is_unspecified() const;  // ::, 0.0.0.0
  bool is_loopback() const;     // ::1, 127.0.0.0/8
  bool is_multicast() const;    // ff00::/8, 224.0.0.0/4, and 255.255.255.255
  bool is_link_local() const;   // fe80::/10, 169.254.0.0/16

  // The 16 bytes in network order; for IPv4 the last four are the address.
  const std::array<uint8_t, 16>& bytes() const { return bytes_; }
  std::array<uint8_t, 4> v4_bytes() const {
    return {bytes_[12], bytes_[13], bytes_[14], bytes_[15]};
  }

  std::string ToString() const;  // canonical text, RFC 5952 for IPv6

  friend bool operator==(const IpAddress&, const IpAddress&) = default;
  friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const IpAddress& a) {
    return H::combine(std::move(h), a.bytes_);
  }

 private:
  static constexpr std::array<uint8_t, 12> kV4Prefix = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  std::array<uint8_t, 16> bytes_{};
};

struct Endpoint {
  IpAddress address;
  uint16_t port = 0;  // host order

  // Accepts "192.0.2.1:13116" and "[2001:db8::1]:13116". InvalidArgument otherwise, port 0 included.
  static absl::StatusOr<Endpoint> Parse(absl::string_view text);
  std::string ToString() const;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Endpoint& e) {
    return H::combine(std::move(h), e.address, e.port);
  }
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_ENDPOINT_H_
