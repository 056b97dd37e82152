// What the status says of the relay.
#ifndef WARP_MAP_SERVER_SERVER_RELAY_STATUS_H_
#define WARP_MAP_SERVER_SERVER_RELAY_STATUS_H_

#include <nlohmann/json.hpp>

#include "map-server/relay/relay.h"

namespace warp::map {

inline nlohmann::json RelayStatus(const Relay::Counts& counts) {
  return {{"on", counts.on},
          {"ports", counts.ports},
          {"pairs", counts.pairs},
          {"channels", counts.channels},
          {"open", counts.open},
          {"requests", counts.requests},
          {"granted", counts.granted},
          {"datagrams", counts.datagrams},
          {"bytes", counts.bytes},
          {"dropped",
           {{"unbound", counts.dropped_unbound},
            {"rate", counts.dropped_rate},
            {"bytes", counts.dropped_bytes}}},
          {"refused",
           {{"pairs", counts.refused_pairs},
            {"channels", counts.refused_channels},
            {"bytes", counts.refused_bytes}}}};
}

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SERVER_RELAY_STATUS_H_
