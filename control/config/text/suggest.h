// "did you mean ...": the nearest of the words that would have been right.
#ifndef WARP_CONTROL_CONFIG_TEXT_SUGGEST_H_
#define WARP_CONTROL_CONFIG_TEXT_SUGGEST_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace warp::config {

// Insertions, deletions, substitutions and swaps of neighbours between the two (optimal string
// alignment distance).
size_t EditDistance(absl::string_view a, absl::string_view b);

// The first of the nearest candidates, if it is near enough to be a slip of the pen; else empty.
std::string Nearest(absl::string_view word, const std::vector<std::string>& candidates);

// `, did you mean "..."?`, or empty.
std::string DidYouMean(absl::string_view word, const std::vector<std::string>& candidates);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_TEXT_SUGGEST_H_
