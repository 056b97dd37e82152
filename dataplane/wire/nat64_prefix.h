// IPv4 addresses inside IPv6 ones, as networks without IPv4 have them (NAT64, RFC 6146): what goes to such an address
// is translated by the network, and arrives as IPv4.
#ifndef WARP_DATAPLANE_WIRE_NAT64_PREFIX_H_
#define WARP_DATAPLANE_WIRE_NAT64_PREFIX_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "dataplane/wire/endpoint.h"

namespace warp::wire {

// A prefix of RFC 6052. The IPv4 address follows it, without the bits 64 to 71, which are zero.
class Nat64Prefix {
 public:
  // What a packet grows by when IPv6 takes the place of IPv4.
  static constexpr uint16_t kGrowth = 20;

  // nullopt where the length is none of 32, 40, 48, 56, 64 and 96, where `address` has bits behind the prefix or among
  // those from 64 to 71, or where it is IPv4, multicast or link-local.
  static std::optional<Nat64Prefix> Make(const IpAddress& address, uint8_t length);
  // 64:ff9b::/96, which many networks use.
  static Nat64Prefix WellKnown();

  // Whether the network may take this IPv4 address: not private ones behind the well-known prefix (RFC 6052,
  // section 3.1), and nowhere those that count on one host or link alone, are a group's, or are nobody's.
  bool Reaches(const IpAddress& v4) const;
  // The address in IPv6; every other address as it is.
  IpAddress Embed(const IpAddress& address) const;
  Endpoint Embed(const Endpoint& endpoint) const {
    return {Embed(endpoint.address), endpoint.port};
  }
  // The IPv4 address that this one holds; every other address as it is.
  IpAddress Extract(const IpAddress& address) const;
  Endpoint Extract(const Endpoint& endpoint) const {
    return {Extract(endpoint.address), endpoint.port};
  }

  std::string ToString() const;  // "64:ff9b::/96"
  const IpAddress& address() const { return address_; }
  uint8_t length() const { return length_; }
  friend bool operator==(const Nat64Prefix&, const Nat64Prefix&) = default;

 private:
  Nat64Prefix(const IpAddress& address, uint8_t length) : address_(address), length_(length) {}

  IpAddress address_;
  uint8_t length_;
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_NAT64_PREFIX_H_
