// Tells text from other bytes.
#ifndef WARP_CONTROL_CONFIG_TEXT_UTF8_H_
#define WARP_CONTROL_CONFIG_TEXT_UTF8_H_

#include <cstddef>
#include <optional>

#include "absl/strings/string_view.h"

namespace warp::config {

// The offset of the first byte that is not part of well-formed UTF-8 (RFC 3629), or is a control
// character other than tab, line feed and carriage return. Nothing if there is none.
std::optional<size_t> FirstNotText(absl::string_view text);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_TEXT_UTF8_H_
