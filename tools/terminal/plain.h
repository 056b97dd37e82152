// Text that others wrote, as a terminal shows it and does not obey it.
#ifndef WARP_TOOLS_TERMINAL_PLAIN_H_
#define WARP_TOOLS_TERMINAL_PLAIN_H_

#include <cstddef>
#include <string>

namespace warp::tools {

// Each control character becomes a question mark; in UTF-8 there are more of them, U+0080 to U+009F.
inline std::string Plain(std::string text) {
  const auto at = [&text](size_t i) { return static_cast<unsigned char>(text[i]); };
  size_t size = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool wide = at(i) == 0xc2 && i + 1 < text.size() && at(i + 1) >= 0x80 && at(i + 1) < 0xa0;
    if (wide) ++i;
    text[size++] = wide || at(i) < 0x20 || at(i) == 0x7f ? '?' : text[i];
  }
  text.resize(size);
  return text;
}

}  // namespace warp::tools

#endif  // WARP_TOOLS_TERMINAL_PLAIN_H_
