// What a map relays between nodes that cannot reach each other.
#ifndef WARP_CONTROL_CONFIG_RELAY_RELAY_CONFIG_H_
#define WARP_CONTROL_CONFIG_RELAY_RELAY_CONFIG_H_

#include <cstdint>

namespace warp::config {

// UDP ports first, first + 1, ...
struct RelayPorts {
  static constexpr uint16_t kMostPorts = 256;

  uint16_t first = 20000;
  uint16_t count = 64;
  friend bool operator==(const RelayPorts&, const RelayPorts&) = default;
};

struct RelayConfig {
  RelayPorts ports;
  uint64_t rate = 20'000'000;       // bits a second of a pair of nodes
  uint64_t bytes = 10'000'000'000;  // of a pair of nodes in a day
  uint32_t pairs = 1000;            // at a time
  friend bool operator==(const RelayConfig&, const RelayConfig&) = default;
};

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_RELAY_RELAY_CONFIG_H_
