// JSON that others wrote: what is missing, or of another type, is nothing.
#ifndef WARP_TOOLS_MACHINE_JSON_H_
#define WARP_TOOLS_MACHINE_JSON_H_

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace warp::tools {

using Json = nlohmann::json;

// Null where the text is no JSON, or nested so deeply that nothing of this machine says it.
Json ParseJson(absl::string_view text);

// The member, or null.
const Json& Member(const Json& json, const char* key);
// The elements of a list, or none.
const Json& ListOf(const Json& json);
inline const Json& ListOf(const Json& json, const char* key) { return ListOf(Member(json, key)); }
// Without control characters, which a terminal would obey; empty where it is no string.
std::string TextOf(const Json& json);
inline std::string TextOf(const Json& json, const char* key) { return TextOf(Member(json, key)); }
std::optional<int64_t> NumberOf(const Json& json);

}  // namespace warp::tools

#endif  // WARP_TOOLS_MACHINE_JSON_H_
