// Patterns of interface names, as in a shell: "wwan*", "eth?", "en[op]*" (fnmatch(3)).
#ifndef WARP_CONTROL_CONFIG_TEXT_INTERFACE_PATTERN_H_
#define WARP_CONTROL_CONFIG_TEXT_INTERFACE_PATTERN_H_

#include <string>

#include "absl/strings/string_view.h"

namespace warp::config {

// Whether the text is a pattern rather than a name.
bool IsInterfacePattern(absl::string_view text);

// Whether the whole name matches. A pattern without a special character matches itself alone.
bool MatchesInterface(const std::string& pattern, const std::string& name);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_TEXT_INTERFACE_PATTERN_H_
