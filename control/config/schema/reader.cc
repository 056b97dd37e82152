#include "control/config/schema/reader.h"

#include "absl/strings/str_cat.h"
#include "control/config/schema/schema.h"

namespace warp::config {

std::string JoinPath(absl::string_view path, absl::string_view key) {
  return path.empty() ? std::string(key) : absl::StrCat(path, ".", key);
}

std::string ItemPath(absl::string_view path, size_t index) {
  return absl::StrCat(path, "[", index, "]");
}

void Reader::Read(const Value& document, void* object) {
  lines_[""] = document.line > 0 ? document.line : 1;
  root_.Read(*this, document, "", object);
}

int Reader::LineOf(absl::string_view path) const {
  const auto found = lines_.find(path);
  return found == lines_.end() ? 0 : found->second;
}

void Reader::Fail(const std::string& path, absl::string_view what) {
  absl::string_view place = path;
  while (!lines_.contains(place)) {
    const size_t cut = place.find_last_of(".[");
    place = cut == absl::string_view::npos ? "" : place.substr(0, cut);
  }
  wrong_.insert(path);
  problems_.Add(lines_.at(place), path, what);
}

void Reader::ForEachItem(const Value& value, const std::string& path, size_t min, size_t max,
                         const std::function<void(const Value&, const std::string&)>& each) {
  const bool is_list = value.kind == Value::Kind::kList || value.kind == Value::Kind::kNothing;
  if (!is_list) {
    Fail(path, absl::StrCat("must be a list, is ", value.KindName(),
                            ": write a dash in front of each entry, or brackets around all"));
    return;
  }
  if (value.items.size() < min) {
    Fail(path, absl::StrCat("needs at least ", min, min == 1 ? " entry" : " entries"));
  }
  if (value.items.size() > max) {
    Fail(path, absl::StrCat("has ", value.items.size(), " entries, at most ", max, " are allowed"));
    return;
  }
  for (size_t i = 0; i < value.items.size(); ++i) {
    const std::string at = ItemPath(path, i);
    Locate(at, value.items[i].line);
    each(value.items[i], at);
  }
}

bool Reader::IsScalar(const Value& value, const std::string& path) {
  if (value.kind == Value::Kind::kScalar) return true;
  Fail(path, value.kind == Value::Kind::kNothing
                 ? "has no value"
                 : absl::StrCat("must be a single value, is ", value.KindName()));
  return false;
}

}  // namespace warp::config
