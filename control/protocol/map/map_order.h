// What several map messages share: the order of a node's messages, and the challenge that an address has to echo.
#ifndef WARP_CONTROL_PROTOCOL_MAP_MAP_ORDER_H_
#define WARP_CONTROL_PROTOCOL_MAP_MAP_ORDER_H_

#include <array>
#include <compare>
#include <cstdint>

namespace warp::protocol {

using MapChallenge = std::array<uint8_t, 8>;

// Where a message stands among all messages of its node about its ports, whatever map and session it went to.
struct MapOrder {
  uint64_t epoch = 0;
  uint64_t number = 0;
  friend auto operator<=>(const MapOrder&, const MapOrder&) = default;
};
// No epoch: a map that was told of it could not be told of a later one.
inline constexpr uint64_t kMapNoEpoch = UINT64_MAX;

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_MAP_MAP_ORDER_H_
