#include "tools/machine/json.h"

#include "tools/terminal/plain.h"

namespace warp::tools {
namespace {

constexpr int kDeepest = 64;

const Json kNone;
const Json kEmptyList = Json::array();

}  // namespace

Json ParseJson(absl::string_view text) {
  bool too_deep = false;
  const Json json = Json::parse(
      text.begin(), text.end(),
      [&](int depth, Json::parse_event_t, Json&) {
        too_deep = too_deep || depth > kDeepest;
        return !too_deep;
      },
      /*allow_exceptions=*/false);
  return json.is_discarded() || too_deep ? Json() : json;
}

const Json& Member(const Json& json, const char* key) {
  if (!json.is_object()) return kNone;
  const auto found = json.find(key);
  return found == json.end() ? kNone : *found;
}

const Json& ListOf(const Json& json) { return json.is_array() ? json : kEmptyList; }

std::string TextOf(const Json& json) {
  return json.is_string() ? Plain(json.get<std::string>()) : std::string();
}

std::optional<int64_t> NumberOf(const Json& json) {
  if (!json.is_number_integer()) return std::nullopt;
  return json.get<int64_t>();
}

}  // namespace warp::tools
