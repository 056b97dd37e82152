// What is known of the names of a peer or map, as a part of the status document: docs/status.md explains it.
#ifndef WARP_CONTROL_STATUS_NAMES_JSON_H_
#define WARP_CONTROL_STATUS_NAMES_JSON_H_

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "control/loop/resolver.h"
#include "dataplane/wire/crypto/keys.h"

namespace warp::control {

// `names_of` may be null: nothing is known of names.
inline nlohmann::ordered_json NamesJson(
    const std::function<std::vector<NameStatus>(const wire::PublicKey&)>& names_of,
    const wire::PublicKey& key, wire::Instant now) {
  nlohmann::ordered_json names = nlohmann::ordered_json::array();
  if (!names_of) return names;
  for (const NameStatus& name : names_of(key)) {
    nlohmann::ordered_json age = nullptr;
    if (name.when) age = std::chrono::duration<double>(now - *name.when).count();
    names.push_back({{"name", name.name},
                     {"found", name.found},
                     {"age_s", std::move(age)},
                     {"asking", name.asking},
                     {"problem", name.problem}});
  }
  return names;
}

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_NAMES_JSON_H_
