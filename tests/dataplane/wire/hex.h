// Converts bytes to text and back. Test tables can thus be compared with docs/wire-format.md.
#ifndef WARP_TESTS_DATAPLANE_WIRE_HEX_H_
#define WARP_TESTS_DATAPLANE_WIRE_HEX_H_

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/wire/bytes.h"

namespace warp::wire {

// Reads pairs of hex digits. Spaces are ignored.
inline std::vector<uint8_t> FromHex(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    std::fprintf(stderr, "'%c' is not a hex digit\n", c);
    std::abort();
  };
  std::vector<uint8_t> bytes;
  int high = -1;
  for (const char c : text) {
    if (c == ' ') continue;
    if (high < 0) {
      high = digit(c);
    } else {
      bytes.push_back(static_cast<uint8_t>(high * 16 + digit(c)));
      high = -1;
    }
  }
  if (high >= 0) std::abort();
  return bytes;
}

inline std::string ToHex(Bytes bytes) {
  std::string text;
  for (const uint8_t byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

// Returns the 32 bytes `first`, first + 1, ..., which are easy to recognise.
inline std::array<uint8_t, 32> CountingBytes(uint8_t first) {
  std::array<uint8_t, 32> bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(first + i);
  return bytes;
}

}  // namespace warp::wire

#endif  // WARP_TESTS_DATAPLANE_WIRE_HEX_H_
