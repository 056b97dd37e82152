// The map's own addresses. A NAT lets an answer in only if it comes from the address that the request was sent to, so
// the map must remember that address. Each address gets a number, its LocalAddressId, that fits into a registration.
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
  wire::IpAddress from;    // unspecified if the kernel is to choose
  uint32_t interface = 0;  // for link-local addresses, otherwise 0

  friend bool operator==(const LocalAddress&, const LocalAddress&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const LocalAddress& address) {
    return H::combine(std::move(h), address.socket, address.from, address.interface);
  }
};

class LocalAddresses {
 public:
  // The first numbers belong to the sockets themselves; for these the kernel chooses the source address.
  explicit LocalAddresses(size_t sockets);

  // Returns the number of an address. Beyond kMaxLocalAddresses addresses, it returns the number of the socket.
  LocalAddressId Number(const LocalAddress& address);
  const LocalAddress& Of(LocalAddressId id) const { return addresses_.at(id); }

 private:
  std::vector<LocalAddress> addresses_;
  absl::flat_hash_map<LocalAddress, LocalAddressId> numbers_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SERVER_LOCAL_ADDRESSES_H_
