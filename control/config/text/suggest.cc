#include "control/config/text/suggest.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"

namespace warp::config {
namespace {

// A longer word is no slip of the pen, and comparing costs the square of its length.
constexpr size_t kMaxWord = 64;

// The most slips that a word may have: one for three letters, and three at most.
size_t Tolerance(absl::string_view word) { return std::clamp<size_t>(word.size() / 3, 1, 3); }

}  // namespace

size_t EditDistance(absl::string_view a, absl::string_view b) {
  // Three rows of the table suffice: the row in work, the one above it, and the one above that, which swaps look at.
  std::vector<size_t> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (size_t i = 1; i <= a.size(); ++i) {
    std::swap(before, above);
    std::swap(above, row);
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::string Nearest(absl::string_view word, const std::vector<std::string>& candidates) {
  if (word.size() > kMaxWord) return "";
  const std::string* nearest = nullptr;
  size_t best = Tolerance(word) + 1;
  for (const std::string& candidate : candidates) {
    const size_t distance = EditDistance(word, candidate);
    if (distance < best) {
      best = distance;
      nearest = &candidate;
    }
  }
  return nearest == nullptr ? "" : *nearest;
}

std::string DidYouMean(absl::string_view word, const std::vector<std::string>& candidates) {
  const std::string nearest = Nearest(word, candidates);
  return nearest.empty() ? "" : absl::StrCat(", did you mean \"", nearest, "\"?");
}

}  // namespace warp::config
