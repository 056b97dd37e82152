#include "control/config/text/yaml_hint.h"

#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "control/config/text/problems.h"

namespace warp::config {
namespace {

constexpr absl::string_view kAnchors = "anchors (&) and aliases (*) are not supported";

bool IsWord(char c) { return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// The line with blanks in place of what stands in quotes or in a comment. Positions stay.
std::string Bare(absl::string_view line) {
  std::string bare(line);
  char quote = '\0';
  for (size_t i = 0; i < bare.size(); ++i) {
    const char c = bare[i];
    if (quote == '\0' && c == '#' && (i == 0 || bare[i - 1] == ' ')) {
      bare.resize(i);
      break;
    }
    const bool was_quoted = quote != '\0';
    if (c == quote) {
      quote = '\0';
    } else if (!was_quoted && (c == '"' || c == '\'')) {
      quote = c;
    }
    if (was_quoted || quote != '\0') bare[i] = ' ';
  }
  return bare;
}

// "[2001:db8::1]:13116", or nothing.
absl::string_view FindBracketed(absl::string_view bare) {
  for (size_t open = bare.find('['); open != bare.npos; open = bare.find('[', open + 1)) {
    const size_t close = bare.find_first_of("[]", open + 1);
    if (close == bare.npos || bare.substr(close, 2) != "]:") continue;
    const absl::string_view inside = bare.substr(open + 1, close - open - 1);
    if (std::count(inside.begin(), inside.end(), ':') < 2 || absl::StrContains(inside, ' '))
      continue;
    size_t end = close + 2;
    while (end < bare.size() && IsWord(bare[end])) ++end;
    return bare.substr(open, end - open);
  }
  return {};
}

// A '&' or '*' where a value may begin, with a name behind it.
bool HasAnchor(absl::string_view bare) {
  for (size_t i = 0; i + 1 < bare.size(); ++i) {
    if ((bare[i] != '&' && bare[i] != '*') || !IsWord(bare[i + 1])) continue;
    if (i == 0 || absl::StrContains(" [{,", bare.substr(i - 1, 1))) return true;
  }
  return false;
}

}  // namespace

std::string YamlHint(absl::string_view text, int line, absl::string_view refusal) {
  const std::vector<absl::string_view> lines = absl::StrSplit(text, '\n');
  const size_t last = std::min(static_cast<size_t>(std::max(line, 0)), lines.size());
  for (size_t i = last; i > 0 && i + 2 > last; --i) {
    const std::string bare = Bare(lines[i - 1]);
    if (const absl::string_view address = FindBracketed(bare); !address.empty()) {
      return absl::StrCat("; write quotes around ", Quote(address));
    }
    if (HasAnchor(bare) && refusal != kAnchors) return absl::StrCat("; ", kAnchors);
  }
  return "";
}

}  // namespace warp::config
