// The network that a node is in, as far as the map can tell: by it the map shares its room among strangers.
#ifndef WARP_MAP_SERVER_NETWORK_H_
#define WARP_MAP_SERVER_NETWORK_H_

#include <cstddef>
#include <cstdint>

#include "dataplane/wire/endpoint.h"

namespace warp::map {

// An IPv4 /24 or an IPv6 /56. Whoever can have one address in it can have many.
using Network = uint64_t;

inline Network NetworkOf(const wire::IpAddress& address) {
  // The two families do not meet, because 56 bits of an IPv6 address leave the first byte of the number zero.
  const size_t first = address.is_v4() ? 12 : 0;
  const size_t size = address.is_v4() ? 3 : 7;
  Network network = address.is_v4() ? 1 : 0;
  for (size_t i = 0; i < 7; ++i) {
    network = network << 8 | (i < size ? address.bytes()[first + i] : 0);
  }
  return network;
}

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_NETWORK_H_
