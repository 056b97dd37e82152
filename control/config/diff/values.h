// What an object holds, as its section lists it, and what of that differs. Pure; any thread.
#ifndef WARP_CONTROL_CONFIG_DIFF_VALUES_H_
#define WARP_CONTROL_CONFIG_DIFF_VALUES_H_

#include <string>
#include <utility>
#include <vector>

#include "control/config/diff/config_diff.h"
#include "control/config/schema/schema.h"

namespace warp::config {

using Values = std::vector<std::pair<std::string, std::string>>;  // keys and what they hold

Values ValuesOf(const Section& section, const void* object);
// Both are in the order of the schema, which lists that of each item of a list one after the other.
std::vector<KeyChange> CompareValues(const Values& before, const Values& after);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_DIFF_VALUES_H_
