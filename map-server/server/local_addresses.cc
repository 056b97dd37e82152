#include "map-server/server/local_addresses.h"

#include "map-server/constants.h"

namespace warp::map {

Ways::Ways(size_t sockets) {
  for (size_t i = 0; i < sockets; ++i) ways_.push_back({static_cast<uint16_t>(i), {}, 0});
}

Via Ways::Number(const Way& way) {
  if (const auto it = numbers_.find(way); it != numbers_.end()) return it->second;
  if (ways_.size() >= kMaxWays) return way.socket;
  const auto via = static_cast<Via>(ways_.size());
  ways_.push_back(way);
  numbers_.emplace(way, via);
  return via;
}

}  // namespace warp::map
