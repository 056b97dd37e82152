#include "control/status/cap_json.h"

#include <nlohmann/json.hpp>

#include "absl/time/civil_time.h"
#include "control/config/cap/cap_schema.h"

namespace warp::control {

nlohmann::ordered_json CapJson(const cap::CapBook* caps, const std::string& port) {
  const cap::Cap* const cap = caps == nullptr ? nullptr : caps->Find(port);
  if (cap == nullptr) return nullptr;
  return {{"used", cap->used()},
          {"bytes", cap->policy().bytes},
          {"state", std::string(cap::CapStateName(cap->state()))},
          {"at_limit", config::CapLimitText(cap->policy().at_limit)},
          {"period", config::CapPeriodText(cap->policy().period)},
          {"begins", absl::FormatCivilTime(cap->begin())},
          {"ends", absl::FormatCivilTime(cap->end())},
          {"problem", caps->problem()}};
}

}  // namespace warp::control
