// The map's own addresses: an answer must leave from the one that its request came to, or no NAT lets it in. Each gets
// a number, its LocalAddressId, that fits in a registration.
#ifndef WARP_MAP_SERVER_SERVER_LOCAL_ADDRESSES_H_
#define WARP_MAP_SERVER_SERVER_LOCAL_ADDRESSES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "dataplane/wire/endpoint.h"
#include "map-server/record.h"

namespace warp::map {

struct LocalAddress {
  uint16_t socket = 0;
  wire::IpAddress from;    // unspecified: the kernel chooses
  uint32_t interface = 0;  // for link-local addresses, else 0

  friend bool operator==(const LocalAddress&, const LocalAddress&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const LocalAddress& address) {
    return H::combine(std::move(h), address.socket, address.from, address.interface);
  }
};

class LocalAddresses {
 public:
  // The first numbers are the sockets' own, with the source left to the kernel.
  explicit LocalAddresses(size_t sockets);

  // At most kMaxLocalAddresses; beyond them the socket's own is given.
  LocalAddressId Number(const LocalAddress& address);
  const LocalAddress& Of(LocalAddressId id) const { return addresses_.at(id); }

 private:
  std::vector<LocalAddress> addresses_;
  absl::flat_hash_map<LocalAddress, LocalAddressId> numbers_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SERVER_LOCAL_ADDRESSES_H_
