// The map's own addresses: an answer must leave from the one that its request came to, or no NAT lets it in. Each gets a
// number, its Via, that fits in a registration.
#ifndef WARP_MAP_SERVER_SERVER_LOCAL_ADDRESSES_H_
#define WARP_MAP_SERVER_SERVER_LOCAL_ADDRESSES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "dataplane/wire/endpoint.h"
#include "map-server/record.h"

namespace warp::map {

struct Way {
  uint16_t socket = 0;
  wire::IpAddress from;    // unspecified: the kernel chooses
  uint32_t interface = 0;  // for link-local addresses, else 0

  friend bool operator==(const Way&, const Way&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const Way& way) {
    return H::combine(std::move(h), way.socket, way.from, way.interface);
  }
};

class Ways {
 public:
  // The first numbers are the sockets' own, with the source left to the kernel.
  explicit Ways(size_t sockets);

  // At most kMaxWays; beyond them the socket's own is given.
  Via Number(const Way& way);
  const Way& Of(Via via) const { return ways_.at(via); }

 private:
  std::vector<Way> ways_;
  absl::flat_hash_map<Way, Via> numbers_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SERVER_LOCAL_ADDRESSES_H_
