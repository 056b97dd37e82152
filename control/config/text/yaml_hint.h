// What is most likely meant by a text that YAML refuses. The parser names the grammar's rule; who wrote the file thinks
// of addresses.
#ifndef WARP_CONTROL_CONFIG_TEXT_YAML_HINT_H_
#define WARP_CONTROL_CONFIG_TEXT_YAML_HINT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace warp::config {

// The end of the sentence `refusal` about `line` (from 1) of `text`: "; write quotes around ...". Empty where nothing
// in the line, or in the one before it, is known to be behind the refusal, or the sentence says so already.
std::string YamlHint(absl::string_view text, int line, absl::string_view refusal);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_TEXT_YAML_HINT_H_
