#ifndef WARP_CONTROL_CONFIG_CAP_PORT_RATES_H_
#define WARP_CONTROL_CONFIG_CAP_PORT_RATES_H_

#include <cstdint>

namespace warp::config {

// What a port is trusted to carry at most, in bits a second. 0: as much as is measured.
struct PortRates {
  uint64_t up = 0;    // sent
  uint64_t down = 0;  // received; who sends it is told
};

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_CAP_PORT_RATES_H_
