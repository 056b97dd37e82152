// The values of a status document as people read them. One that is missing, or of another type, is a dash.
#ifndef WARP_TOOLS_ASK_VALUES_H_
#define WARP_TOOLS_ASK_VALUES_H_

#include <nlohmann/json.hpp>
#include <string>

namespace warp::tools {

inline constexpr char kNothing[] = "-";

// Returns the member, or null if the object lacks it or `json` is not an object.
const nlohmann::json& At(const nlohmann::json& json, const char* key);
// The list, or an empty one.
const nlohmann::json& Items(const nlohmann::json& json, const char* key);

std::string Text(const nlohmann::json& json);
std::string Text(const nlohmann::json& json, const char* key);
std::string Fixed(const nlohmann::json& json, const char* key, int digits);
std::string Percent(const nlohmann::json& json, const char* key);  // of a share
std::string Age(const nlohmann::json& json, const char* key);      // 12s, 5m07s, 3h20m, 8d03h
std::string AgeText(double seconds);                               // the same; of at least 0
std::string Bytes(const nlohmann::json& json, const char* key);    // 45.5 GB
std::string Drops(const nlohmann::json& json);                     // replayed 3, queue_full 1

}  // namespace warp::tools

#endif  // WARP_TOOLS_ASK_VALUES_H_
