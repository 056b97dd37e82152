// Text that others wrote, as a terminal shows it and does not obey it.
#ifndef WARP_TOOLS_TERMINAL_PLAIN_H_
#define WARP_TOOLS_TERMINAL_PLAIN_H_

#include <string>

namespace warp::tools {

// Each control character becomes a question mark.
inline std::string Plain(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  return text;
}

}  // namespace warp::tools

#endif  // WARP_TOOLS_TERMINAL_PLAIN_H_
