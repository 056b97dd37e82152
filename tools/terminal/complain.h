// How a command reports failure.
#ifndef WARP_TOOLS_TERMINAL_COMPLAIN_H_
#define WARP_TOOLS_TERMINAL_COMPLAIN_H_

#include <iostream>

#include "absl/strings/string_view.h"

namespace warp::tools {

// "warp: WHAT" on stderr; returns the exit status.
inline int Complain(absl::string_view what) {
  std::cerr << "warp: " << what << std::endl;
  return 1;
}

}  // namespace warp::tools

#endif  // WARP_TOOLS_TERMINAL_COMPLAIN_H_
