#include "control/config/diff/values.h"

#include <map>

#include "absl/strings/string_view.h"

namespace warp::config {

Values ValuesOf(const Section& section, const void* object) {
  Values values;
  section.List(object, "", [&](const std::string& key, const std::string& text) {
    values.emplace_back(key, text);
  });
  return values;
}

std::vector<KeyChange> CompareValues(const Values& before, const Values& after) {
  std::vector<KeyChange> changes;
  std::map<absl::string_view, absl::string_view> others;
  for (const auto& [key, text] : before) others[key] = text;
  for (const auto& [key, text] : after) {
    const auto other = others.find(key);
    const std::string old(other == others.end() ? "" : other->second);
    if (other != others.end()) others.erase(other);
    if (old != text) changes.push_back({.key = key, .before = old, .after = text});
  }
  for (const auto& [key, text] : before) {
    if (others.contains(key) && !text.empty())
      changes.push_back({.key = key, .before = text, .after = ""});
  }
  return changes;
}

}  // namespace warp::config
