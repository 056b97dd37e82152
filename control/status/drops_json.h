// The drops in the status of either daemon: an object of those that have happened, by name.
#ifndef WARP_CONTROL_STATUS_DROPS_JSON_H_
#define WARP_CONTROL_STATUS_DROPS_JSON_H_

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "dataplane/wire/drop.h"

namespace warp::control {

// Calls `count(drop)` for every drop. Drops that have not happened are left out.
template <typename Count>
nlohmann::ordered_json DropsJson(Count count) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (size_t i = 0; i < wire::kDropCount; ++i) {
    const auto drop = static_cast<wire::Drop>(i);
    if (const uint64_t n = count(drop); n > 0) json[std::string(wire::DropName(drop))] = n;
  }
  return json;
}

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_DROPS_JSON_H_
