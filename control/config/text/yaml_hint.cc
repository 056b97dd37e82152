#include "control/config/text/yaml_hint.h"

#include <algorithm>
#include <optional>
#include <utility>
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

size_t IndentOf(absl::string_view line) {
  return std::min(line.find_first_not_of(" \t\r"), line.size());
}

// The word with which a line begins, behind its indentation and the dashes of lists.
absl::string_view FirstWord(absl::string_view bare) {
  bare.remove_prefix(std::min(bare.find_first_not_of(" -"), bare.size()));
  return bare.substr(0, std::find_if_not(bare.begin(), bare.end(), IsWord) - bare.begin());
}

// What is wrong with this line alone: tabs, "id:1", or a key without a colon.
std::string SlipOfTheLine(absl::string_view line) {
  if (absl::StrContains(line.substr(0, IndentOf(line)), '\t')) {
    return "; indent by spaces, not by tabs";
  }
  const std::string bare = Bare(line);
  const absl::string_view word = FirstWord(bare);
  if (word.empty()) return "";
  const absl::string_view rest = absl::StripTrailingAsciiWhitespace(
      absl::string_view(bare).substr(word.data() - bare.data() + word.size()));
  if (rest.empty() && absl::StripAsciiWhitespace(line) == word) {
    return absl::StrCat("; write a colon behind ", Quote(word));
  }
  if (rest.size() > 1 && rest[0] == ':' && rest[1] != ' ') {
    return absl::StrCat("; write a space behind ", Quote(absl::StrCat(word, ":")));
  }
  return "";
}

// The line whose quote is not closed in it, and nothing where there is none. A quote may begin where a value may.
std::optional<size_t> LineOfOpenQuote(const std::vector<absl::string_view>& lines) {
  for (size_t i = 0; i < lines.size(); ++i) {
    char quote = '\0', before = ' ';
    for (const char c : lines[i]) {
      if (quote != '\0') {
        if (c == quote && before != '\\') quote = '\0';
      } else if (c == '#' && before == ' ') {
        break;
      } else if ((c == '"' || c == '\'') && absl::StrContains(" [{,", before)) {
        quote = c;
      }
      before = c;
    }
    if (quote != '\0') return i;
  }
  return std::nullopt;
}

// The first bracket or brace that nothing closes, or that closes nothing.
std::string UnmatchedBracket(const std::vector<absl::string_view>& lines) {
  std::vector<std::pair<char, size_t>> open;
  for (size_t i = 0; i < lines.size(); ++i) {
    for (const char c : Bare(lines[i])) {
      if (c == '[' || c == '{') {
        open.emplace_back(c == '[' ? ']' : '}', i + 1);
      } else if (c == ']' || c == '}') {
        if (open.empty() || open.back().first != c) {
          return absl::StrCat("; the ", std::string(1, c), " on line ", i + 1, " closes nothing");
        }
        open.pop_back();
      }
    }
  }
  if (open.empty()) return "";
  const auto [end, line] = open.front();
  return absl::StrCat("; the ", end == ']' ? "[" : "{", " on line ", line, " has no ",
                      std::string(1, end));
}

// The line is further to the right, or to the left, than the one before it allows.
bool DoesNotFit(const std::vector<absl::string_view>& lines, size_t last,
                absl::string_view refusal) {
  if (refusal == "end of map not found" || refusal == "end of sequence not found") return true;
  if (refusal != "illegal map value" || last < 2) return false;
  return IndentOf(lines[last - 1]) > IndentOf(lines[last - 2]);
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
  const bool in_brackets = absl::StrContains(refusal, "flow");
  if (in_brackets || absl::StrContains(refusal, "EOF")) {
    const std::optional<size_t> quote = LineOfOpenQuote(lines);
    if (quote) return absl::StrCat("; the quote on line ", *quote + 1, " has no end");
  }
  if (in_brackets) return UnmatchedBracket(lines);
  const bool of_structure = refusal == "illegal map value" || absl::EndsWith(refusal, " not found");
  if (!of_structure) return "";
  for (size_t i = last; i > 0 && i + 2 > last; --i) {
    const std::string slip = SlipOfTheLine(lines[i - 1]);
    if (!slip.empty()) return slip;
  }
  return DoesNotFit(lines, last, refusal) ? "; its indentation does not fit the lines above" : "";
}

}  // namespace warp::config
