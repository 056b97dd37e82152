// What is most likely meant by a text that YAML refuses. The parser names the rule of the grammar that is broken, and
// the line where that shows; who wrote the file thinks of addresses, quotes and spaces, and often made the slip on a
// line before.
#ifndef WARP_CONTROL_CONFIG_TEXT_YAML_HINT_H_
#define WARP_CONTROL_CONFIG_TEXT_YAML_HINT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace warp::config {

// The end of the parser's sentence `refusal` about `line` (from 1) of `text`: "; write quotes around ...". Empty where
// no slip is found that is known to lead to that refusal, or where the sentence names it already. Takes a time that
// grows with the text.
std::string YamlHint(absl::string_view text, int line, absl::string_view refusal);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_TEXT_YAML_HINT_H_
