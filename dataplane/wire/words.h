// The words of an enumeration, in one table: configuration reads them and status writes them.
#ifndef WARP_DATAPLANE_WIRE_WORDS_H_
#define WARP_DATAPLANE_WIRE_WORDS_H_

#include <array>
#include <cstddef>
#include <utility>

#include "absl/strings/string_view.h"

namespace warp::wire {

// Every value of T once, with its word.
template <typename T, size_t N>
using Words = std::array<std::pair<absl::string_view, T>, N>;

// The word of `value`; empty for a value that the table lacks.
template <typename T, size_t N>
constexpr absl::string_view WordOf(const Words<T, N>& words, T value) {
  for (const auto& [word, candidate] : words) {
    if (candidate == value) return word;
  }
  return {};
}

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_WORDS_H_
