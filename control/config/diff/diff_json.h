// Changes of a configuration as JSON, for the command line and for the control socket: docs/reload.md explains it.
#ifndef WARP_CONTROL_CONFIG_DIFF_DIFF_JSON_H_
#define WARP_CONTROL_CONFIG_DIFF_DIFF_JSON_H_

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "control/config/diff/config_diff.h"
#include "control/config/diff/diff_text.h"

namespace warp::config {

// A list of {"kind", "name", "change", "effect", "keys": [{"key", "before", "after"}]}.
inline nlohmann::ordered_json DiffJson(const std::vector<EntryChange>& changes) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const EntryChange& change : changes) {
    nlohmann::ordered_json keys = nlohmann::ordered_json::array();
    for (const KeyChange& key : change.keys) {
      keys.push_back({{"key", key.key}, {"before", key.before}, {"after", key.after}});
    }
    list.push_back({{"kind", std::string(EntryKindName(change.kind))},
                    {"name", change.name},
                    {"change", std::string(ChangeName(change))},
                    {"effect", std::string(EffectName(change.effect))},
                    {"keys", std::move(keys)}});
  }
  return list;
}

// The same, written: whatever bytes names have, it is JSON.
inline std::string DiffJsonText(const std::vector<EntryChange>& changes) {
  return DiffJson(changes).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_DIFF_DIFF_JSON_H_
