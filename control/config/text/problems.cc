#include "control/config/text/problems.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "control/config/text/utf8.h"

namespace warp::config {
namespace {

constexpr size_t kMaxQuoted = 60;

}  // namespace

std::string Printable(absl::string_view text) {
  // Cutting may have left half a character, which Utf8SafeCEscape would pass on: CEscape then.
  return FirstNotText(text) ? absl::CEscape(text) : absl::Utf8SafeCEscape(text);
}

std::string Quote(absl::string_view text) {
  const bool whole = text.size() <= kMaxQuoted;
  return absl::StrCat("\"", Printable(text.substr(0, kMaxQuoted)), whole ? "" : "...", "\"");
}

void Problems::Add(int line, absl::string_view key, absl::string_view what) {
  std::string text = file_;
  if (line > 0) absl::StrAppend(&text, ":", line);
  if (!key.empty()) absl::StrAppend(&text, ": ", Printable(key));
  absl::StrAppend(&text, ": ", what);
  entries_.push_back({line, std::move(text)});
}

absl::Status Problems::ToStatus() const {
  if (entries_.empty()) return absl::OkStatus();
  std::vector<Entry> sorted = entries_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Entry& a, const Entry& b) { return a.line < b.line; });
  const size_t more = sorted.size() > kMaxReported ? sorted.size() - kMaxReported : 0;
  sorted.resize(sorted.size() - more);
  std::string message = absl::StrJoin(
      sorted, "\n", [](std::string* out, const Entry& entry) { out->append(entry.text); });
  if (more > 0) absl::StrAppend(&message, "\n", file_, ": and ", more, " more");
  return absl::InvalidArgumentError(message);
}

}  // namespace warp::config
