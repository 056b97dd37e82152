// Numbers without surprises.
#ifndef WARP_CONTROL_CONFIG_TEXT_DIGITS_H_
#define WARP_CONTROL_CONFIG_TEXT_DIGITS_H_

#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"

namespace warp::config {

// Decimal digits alone: no sign, no space, no leading zero, no exponent, below 2^64.
std::optional<uint64_t> ReadDigits(absl::string_view text);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_TEXT_DIGITS_H_
