// Reports the failure of a command.
#ifndef WARP_TOOLS_TERMINAL_COMPLAIN_H_
#define WARP_TOOLS_TERMINAL_COMPLAIN_H_

#include <iostream>

#include "absl/strings/string_view.h"

namespace warp::tools {

// Writes "warp: WHAT" to stderr. Returns the exit status.
inline int Complain(absl::string_view what) {
  std::cerr << "warp: " << what << std::endl;
  return 1;
}

}  // namespace warp::tools

#endif  // WARP_TOOLS_TERMINAL_COMPLAIN_H_
