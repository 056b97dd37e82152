// On what terms a port is used just now: as configured, less what its data cap leaves of that.
#ifndef WARP_CONTROL_CAP_PORT_TERMS_H_
#define WARP_CONTROL_CAP_PORT_TERMS_H_

#include <cstdint>
#include <functional>

#include "control/config/node_config.h"
#include "control/protocol/port_use.h"

namespace warp::cap {

struct PortTerms {
  uint8_t tier = 1;
  config::PortRates rate;
  protocol::PortUse use = protocol::PortUse::kFree;
  friend bool operator==(const PortTerms& a, const PortTerms& b) {
    return a.tier == b.tier && a.rate.up == b.rate.up && a.rate.down == b.rate.down &&
           a.use == b.use;
  }
};

using PortTermsFunction = std::function<PortTerms(const config::PortConfig&)>;

// Of a port without a cap.
inline PortTerms TermsAsConfigured(const config::PortConfig& port) {
  return {.tier = port.tier, .rate = port.rate};
}

}  // namespace warp::cap

#endif  // WARP_CONTROL_CAP_PORT_TERMS_H_
