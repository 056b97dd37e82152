#include "control/config/text/interface_pattern.h"

#include <fnmatch.h>

namespace warp::config {

bool IsInterfacePattern(absl::string_view text) {
  return text.find_first_of("*?[") != absl::string_view::npos;
}

bool MatchesInterface(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
}

}  // namespace warp::config
