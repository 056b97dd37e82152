#include "map-server/server/local_addresses.h"

#include "map-server/constants.h"

namespace warp::map {

LocalAddresses::LocalAddresses(size_t sockets) {
  for (size_t i = 0; i < sockets; ++i) addresses_.push_back({static_cast<uint16_t>(i), {}, 0});
}

LocalAddressId LocalAddresses::Number(const LocalAddress& address) {
  if (const auto it = numbers_.find(address); it != numbers_.end()) return it->second;
  if (addresses_.size() >= kMaxLocalAddresses) return address.socket;
  const auto id = static_cast<LocalAddressId>(addresses_.size());
  addresses_.push_back(address);
  numbers_.emplace(address, id);
  return id;
}

}  // namespace warp::map
