// On whose account a port is used.
#ifndef WARP_CONTROL_CONFIG_PAYER_H_
#define WARP_CONTROL_CONFIG_PAYER_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "control/config/node_config.h"

namespace warp::config {

// The port of the configuration on whose terms this one is used, and to whose data cap it counts: of a port in a
// connection (PortConfig::Carried), that beside which it is; else itself.
inline std::string PayerOf(const PortConfig& port) {
  const absl::string_view name = port.name;
  return std::string(port.is_carried() ? absl::StripSuffix(name, "/tcp") : name);
}

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_PAYER_H_
