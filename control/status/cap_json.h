// What the status shows of a port's data cap, and what `warp cap` answers.
#ifndef WARP_CONTROL_STATUS_CAP_JSON_H_
#define WARP_CONTROL_STATUS_CAP_JSON_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "control/cap/cap_book.h"

namespace warp::control {

// Null where the port has no cap. `caps` may be null.
nlohmann::ordered_json CapJson(const cap::CapBook* caps, const std::string& port);

}  // namespace warp::control

#endif  // WARP_CONTROL_STATUS_CAP_JSON_H_
