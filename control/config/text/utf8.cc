#include "control/config/text/utf8.h"

#include <cstdint>

namespace warp::config {
namespace {

// The size of the sequence at the front of `bytes` (RFC 3629 section 4), 0 if it is malformed.
size_t SequenceSize(absl::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<uint8_t>(bytes[i]); };
  const uint8_t first = at(0);
  if (first < 0x80) return 1;
  const size_t size = first >= 0xf5   ? 0
                      : first >= 0xf0 ? 4
                      : first >= 0xe0 ? 3
                      : first >= 0xc2 ? 2
                                      : 0;
  if (size == 0 || bytes.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xc0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xe0 && at(1) < 0xa0) || (first == 0xf0 && at(1) < 0x90);
  const bool surrogate = first == 0xed && at(1) >= 0xa0;
  const bool beyond = first == 0xf4 && at(1) >= 0x90;
  return overlong || surrogate || beyond ? 0 : size;
}

bool IsControl(uint8_t c) { return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f; }

}  // namespace

std::optional<size_t> FirstNotText(absl::string_view text) {
  size_t offset = 0;
  while (offset < text.size()) {
    const size_t size = SequenceSize(text.substr(offset));
    if (size == 0 || IsControl(static_cast<uint8_t>(text[offset]))) return offset;
    offset += size;
  }
  return std::nullopt;
}

}  // namespace warp::config
