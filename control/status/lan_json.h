// What LAN discovery did, as JSON for the status page.
#ifndef WARP_CONTROL_STATUS_LAN_JSON_H_
#define WARP_CONTROL_STATUS_LAN_JSON_H_

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "control/protocol/lan/lan_discovery.h"

namespace warp::control {

// Null: it is off.
inline nlohmann::ordered_json LanJson(const protocol::LanCounts* counts) {
  if (counts == nullptr) return nullptr;
  nlohmann::ordered_json dropped = nlohmann::ordered_json::object();
  for (size_t i = 0; i < counts->drops.size(); ++i) {
    dropped[std::string(protocol::kLanDropNames[i])] = counts->drops[i];
  }
  return {{"sent", counts->sent}, {"heard", counts->heard}, {"dropped", std::move(dropped)}};
}

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_LAN_JSON_H_
