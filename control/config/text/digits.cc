#include "control/config/text/digits.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace warp::config {

std::optional<uint64_t> ReadDigits(absl::string_view text) {
  uint64_t value = 0;
  const bool canonical = !text.empty() && (text.size() == 1 || text[0] != '0') &&
                         std::all_of(text.begin(), text.end(), [](char c) {
                           return absl::ascii_isdigit(static_cast<unsigned char>(c));
                         });
  if (!canonical || !absl::SimpleAtoi(text, &value)) return std::nullopt;
  return value;
}

}  // namespace warp::config
