// Keys that a reload has replaced, as parts of the status document: docs/status.md explains them.
#ifndef WARP_CONTROL_STATUS_KEY_JSON_H_
#define WARP_CONTROL_STATUS_KEY_JSON_H_

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "control/protocol/node/node.h"
#include "control/status/status_json.h"

namespace warp::control {

inline nlohmann::ordered_json OldKeysJson(const NodeView& view,
                                          const std::vector<protocol::OldKey>& keys) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const protocol::OldKey& old : keys) {
    const std::chrono::duration<double> left = old.ends - view.now;
    list.push_back({{"public_key", old.key.ToBase64()}, {"ends_in_s", left.count()}});
  }
  return list;
}

inline std::string AddressOf(const NodeView& view, const protocol::MapStatus& map) {
  for (const config::MapServerConfig& server : view.config.maps) {
    if (server.public_key == map.public_key) return server.address.ToString();
  }
  return "";
}

inline bool IsOfOldKey(const NodeView& view, const protocol::MapStatus& map) {
  return !map.own.is_zero() && map.own != view.protocol.public_key();
}

// Those that a reload has replaced, and at which maps the node is registered by each.
inline nlohmann::ordered_json OwnOldKeysJson(const NodeView& view) {
  const std::vector<protocol::OldKey> keys = view.protocol.OldKeys();
  nlohmann::ordered_json list = OldKeysJson(view, keys);
  for (size_t i = 0; i < keys.size(); ++i) {
    nlohmann::ordered_json& maps = list[i]["registered_at"] = nlohmann::ordered_json::array();
    for (const protocol::MapStatus& map : view.maps) {
      if (map.own == keys[i].key && !map.registrations.empty())
        maps.push_back(AddressOf(view, map));
    }
  }
  return list;
}

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_KEY_JSON_H_
