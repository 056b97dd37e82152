// The network that a node is in, as far as the map can tell: by it the map shares its room among strangers.
#ifndef WARP_MAP_SERVER_NETWORK_H_
#define WARP_MAP_SERVER_NETWORK_H_

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/network_hash.h"

namespace warp::map {

// An IPv4 /24 or an IPv6 /48, as all of WARP counts networks (network_hash.h). Whoever can have one address in it can
// have many. A /44 is had for little, and has 4,096 networks of /56: somebody who spreads over these would have less in
// each than an honest /24 of a large NAT.
using Network = uint64_t;

// Whether the address means something in a private network alone (RFC 1918, RFC 6598, RFC 4193, link-local).
inline bool IsPrivate(const wire::IpAddress& address) {
  if (address.is_link_local()) return true;
  const auto& bytes = address.bytes();
  if (!address.is_v4()) return (bytes[0] & 0xfe) == 0xfc;
  const uint8_t first = bytes[12];
  const uint8_t second = bytes[13];
  return first == 10 || (first == 172 && (second & 0xf0) == 16) ||
         (first == 192 && second == 168) || (first == 100 && (second & 0xc0) == 64);
}

// Whether nodes that the map sees at these addresses are behind one NAT, or on one IPv6 link (a /64). Then each may
// reach the other at its private addresses.
inline bool SameSite(const wire::IpAddress& a, const wire::IpAddress& b) {
  return a == b || (!a.is_v4() && !b.is_v4() && std::memcmp(&a.bytes(), &b.bytes(), 8) == 0);
}

inline Network NetworkOf(const wire::IpAddress& address) {
  // The two families do not meet, because 48 bits of an IPv6 address leave the first byte of the number zero.
  const size_t first = address.is_v4() ? 12 : 0;
  const size_t size = address.is_v4() ? wire::kNetworkSizeV4 - first : wire::kNetworkSizeV6;
  Network network = address.is_v4() ? 1 : 0;
  for (size_t i = 0; i < 7; ++i) {
    network = network << 8 | (i < size ? address.bytes()[first + i] : 0);
  }
  return network;
}

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_NETWORK_H_
