#include "control/config/diff/file_lines.h"

#include "control/config/schema/document.h"
#include "control/config/schema/reader.h"
#include "control/config/text/problems.h"

namespace warp::config {
namespace {

void AddLines(const Value& value, const std::string& path,
              absl::flat_hash_map<std::string, int>* lines) {
  for (const Entry& entry : value.entries) {
    const std::string at = JoinPath(path, entry.key);
    (*lines)[at] = entry.line;
    AddLines(entry.value, at, lines);
  }
  for (size_t i = 0; i < value.items.size(); ++i) {
    const std::string at = ItemPath(path, i);
    (*lines)[at] = value.items[i].line;
    AddLines(value.items[i], at, lines);
  }
}

}  // namespace

FileLines::FileLines(absl::string_view text) {
  Problems none("");
  const std::optional<Value> document = ParseDocument(text, none);
  if (document.has_value()) AddLines(*document, "", &lines_);
}

int FileLines::Of(absl::string_view key) const {
  while (!key.empty()) {
    if (const auto found = lines_.find(key); found != lines_.end()) return found->second;
    const size_t cut = key.find_last_of(".[");
    key = cut == absl::string_view::npos ? "" : key.substr(0, cut);
  }
  return 1;
}

}  // namespace warp::config
