// The address of a station on a link (IEEE 802).
#ifndef WARP_DATAPLANE_WIRE_MAC_ADDRESS_H_
#define WARP_DATAPLANE_WIRE_MAC_ADDRESS_H_

#include <array>
#include <cstdint>
#include <string>

namespace warp::wire {

struct MacAddress {
  std::array<uint8_t, 6> bytes{};
  std::string ToString() const;
  // One station can have it: it is neither zero nor a group's.
  bool is_station() const { return bytes != decltype(bytes){} && (bytes[0] & 1) == 0; }
  friend bool operator==(const MacAddress&, const MacAddress&) = default;
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_MAC_ADDRESS_H_
