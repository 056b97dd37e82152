// A word of a command that people are told to type.
#ifndef WARP_TOOLS_TERMINAL_SHELL_WORD_H_
#define WARP_TOOLS_TERMINAL_SHELL_WORD_H_

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "tools/terminal/plain.h"

namespace warp::tools {

// In single quotes where the shell would take it for more than a word. Control characters become question marks: a
// terminal shows the command before anybody types it.
inline std::string ShellWord(absl::string_view text) {
  constexpr char kHarmless[] =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@%+=,";
  const std::string plain = Plain(std::string(text));
  if (!plain.empty() && plain.find_first_not_of(kHarmless) == std::string::npos) return plain;
  return absl::StrCat("'", absl::StrReplaceAll(plain, {{"'", "'\\''"}}), "'");
}

}  // namespace warp::tools

#endif  // WARP_TOOLS_TERMINAL_SHELL_WORD_H_
