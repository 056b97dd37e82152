// How much the link behind a port is trusted to carry: `ports[].rate`.
#ifndef WARP_CONTROL_CONFIG_CAP_RATE_SCHEMA_H_
#define WARP_CONTROL_CONFIG_CAP_RATE_SCHEMA_H_

#include "control/config/cap/port_rates.h"
#include "control/config/schema/schema.h"

namespace warp::config {

const SectionOf<PortRates>& PortRatesSchema();

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_CAP_RATE_SCHEMA_H_
