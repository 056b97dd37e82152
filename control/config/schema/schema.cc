#include "control/config/schema/schema.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace warp::config {
namespace {

std::string KnownHere(const Section& section) {
  return absl::StrCat(" (known here: ", absl::StrJoin(section.KeyNames(), ", "), ")");
}

// Suggests the nearest key of the section, or else the sections of the whole configuration that have a key of that
// name, or else lists the keys of the section.
std::string WhatInstead(const Section& root, const Section& section, absl::string_view key) {
  const std::vector<std::string> names = section.KeyNames();
  std::string hint = DidYouMean(key, names);
  if (!hint.empty()) return hint;
  const std::string elsewhere = FindKey(root, key);
  if (!elsewhere.empty()) return absl::StrCat(", did you mean \"", elsewhere, "\"?");
  return KnownHere(section);
}

}  // namespace

std::vector<std::string> Section::KeyNames() const {
  std::vector<std::string> names;
  for (const Key& key : keys_) names.push_back(key.name);
  return names;
}

void Section::Read(Reader& reader, const Value& map, const std::string& path, void* object) const {
  const bool is_map = map.kind == Value::Kind::kMap || map.kind == Value::Kind::kNothing;
  if (!is_map) {
    reader.Fail(path, absl::StrCat(path.empty() ? "the configuration " : "",
                                   "must be a map of keys, is ", map.KindName(), KnownHere(*this)));
    return;
  }
  for (const Entry& entry : map.entries) {
    const std::string at = JoinPath(path, entry.key);
    reader.Locate(at, entry.line);
    const auto known = std::find_if(keys_.begin(), keys_.end(),
                                    [&](const Key& key) { return key.name == entry.key; });
    if (known == keys_.end()) {
      reader.Fail(at, absl::StrCat("unknown key", WhatInstead(reader.root(), *this, entry.key)));
      continue;
    }
    known->read(reader, entry.value, at, object);
  }
  static const Value* const absent = new Value();
  for (const Key& key : keys_) {
    const std::string at = JoinPath(path, key.name);
    if (reader.LineOf(at) > 0) continue;
    if (key.required) {
      reader.Fail(at, "missing");
    } else if (key.shape == Key::Shape::kSection) {
      key.read(reader, *absent, at, object);
    }
  }
  if (check_) check_(reader, path, object);
}

void Section::List(const void* object, const std::string& path, Lister each) const {
  for (const Key& key : keys_) key.list(object, JoinPath(path, key.name), each);
}

std::string FindKey(const Section& section, absl::string_view name) {
  for (const Key& key : section.keys()) {
    if (key.name == name) return key.name;
  }
  for (const Key& key : section.keys()) {
    if (key.section == nullptr) continue;
    const std::string below = FindKey(*key.section, name);
    if (below.empty()) continue;
    return absl::StrCat(key.name, key.shape == Key::Shape::kSections ? "[]" : "", ".", below);
  }
  return "";
}

}  // namespace warp::config
