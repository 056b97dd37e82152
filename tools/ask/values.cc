#include "tools/ask/values.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "tools/terminal/plain.h"

namespace warp::tools {

using Json = nlohmann::json;

const Json& At(const Json& json, const char* key) {
  static const Json* const null = new Json();
  const auto found = json.find(key);
  return found == json.end() ? *null : *found;
}

// Names come from a file and reasons may come from a peer.
std::string Text(const Json& json) {
  if (json.is_string()) return json.empty() ? kNothing : Plain(json.get<std::string>());
  if (json.is_number_float()) return absl::StrFormat("%.1f", json.get<double>());
  if (json.is_number() || json.is_boolean()) return json.dump();
  return kNothing;
}

std::string Text(const Json& json, const char* key) {
  const std::string text = Text(At(json, key));
  return text.empty() ? kNothing : text;
}

std::string Fixed(const Json& json, const char* key, int digits) {
  const Json& value = At(json, key);
  return value.is_number() ? absl::StrFormat("%.*f", digits, value.get<double>()) : kNothing;
}

std::string Percent(const Json& json, const char* key) {
  const Json& value = At(json, key);
  return value.is_number() ? absl::StrFormat("%.1f%%", 100 * value.get<double>()) : kNothing;
}

std::string Age(const Json& json, const char* key) {
  const Json& value = At(json, key);
  return value.is_number() && value.get<double>() >= 0 ? AgeText(value.get<double>()) : kNothing;
}

std::string AgeText(double seconds) {
  const auto s = static_cast<uint64_t>(std::min(seconds, 1e15));
  if (s < 60) return absl::StrCat(s, "s");
  if (s < 3600) return absl::StrFormat("%dm%02ds", s / 60, s % 60);
  if (s < 86400) return absl::StrFormat("%dh%02dm", s / 3600, s / 60 % 60);
  return absl::StrFormat("%dd%02dh", s / 86400, s / 3600 % 24);
}

std::string Bytes(const Json& json, const char* key) {
  const Json& value = At(json, key);
  if (!value.is_number()) return kNothing;
  double bytes = value.get<double>();
  constexpr const char* kUnits[] = {"B", "kB", "MB", "GB", "TB", "PB"};
  size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < std::size(kUnits); ++unit) bytes /= 1000;
  return absl::StrFormat("%.*f %s", unit == 0 ? 0 : 1, bytes, kUnits[unit]);
}

const Json& Items(const Json& json, const char* key) {
  static const Json* const none = new Json(Json::array());
  const Json& list = At(json, key);
  return list.is_array() ? list : *none;
}

std::string Drops(const Json& json) {
  const Json& drops = At(json, "drops");
  std::vector<std::string> words;
  if (drops.is_object()) {
    for (const auto& [name, count] : drops.items())
      words.push_back(absl::StrCat(Plain(name), " ", Text(count)));
  }
  return words.empty() ? kNothing : absl::StrJoin(words, ", ");
}

}  // namespace warp::tools
