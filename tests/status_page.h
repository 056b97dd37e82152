// Compares the fields of a status document with those that docs/status.md explains.
#ifndef WARP_TESTS_STATUS_PAGE_H_
#define WARP_TESTS_STATUS_PAGE_H_

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace warp {

// Field paths as the page writes them, each with its types: "peers[].paths[].rtt_ms" with "null" and "number".
using StatusFields = std::map<std::string, std::set<std::string>>;

// What the page calls the members of objects that have names as keys; empty: they have rows of their own.
inline std::string NameOfMembers(const std::string& path) {
  const std::vector<std::pair<const char*, const char*>> names = {
      {"drops", "<drop>"},
      {".drops", "<drop>"},
      {".stages", "<stage>"},
      {"map.session_states", "<state>"},
      {"map.lookup_answers", "<answer>"},
      {"map.refused", "<limit>"},
      {"map.relay.dropped", "<reason>"},
      {"map.relay.refused", "<limit>"},
      {"node.discovery.dropped", "<reason>"},
      {"ports[].stream.dropped", "<reason>"},
      {"streams.refused", "<limit>"},
      {"streams.ended", "<reason>"}};
  for (const auto& [object, name] : names) {
    if (path == object || (object[0] == '.' && absl::EndsWith(path, object))) return name;
  }
  return "";
}

// Adds every field of `json` that is not an object. Drops, stages and the like have names as keys, and the page has one
// row for all of them.
inline void CollectFields(const nlohmann::json& json, const std::string& path,
                          StatusFields* fields) {
  if (json.is_object()) {
    const std::string members = NameOfMembers(path);
    for (const auto& [key, value] : json.items()) {
      const std::string name = members.empty() ? key : members;
      CollectFields(value, path.empty() ? name : absl::StrCat(path, ".", name), fields);
    }
  } else if (json.is_array() && (json.empty() || !json[0].is_string())) {
    for (const nlohmann::json& element : json) CollectFields(element, path + "[]", fields);
  } else {
    (*fields)[path].insert(json.is_array()            ? "strings"
                           : json.is_number_integer() ? "integer"
                                                      : json.type_name());
  }
}

// Returns the rows of one section, such as "## warpd".
inline StatusFields DocumentedFields(const std::string& page, const std::string& heading) {
  std::ifstream file(page);
  EXPECT_TRUE(file) << page;
  StatusFields fields;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (absl::StartsWith(line, "## ")) inside = line == "## " + heading;
    if (!inside || !absl::StartsWith(line, "| `")) continue;
    const std::vector<std::string> cells = absl::StrSplit(line, " | ");
    const std::vector<std::string> path = absl::StrSplit(cells[0], '`');
    fields[path[1]] = absl::StrSplit(cells[1], " or ");
  }
  return fields;
}

// Expects that each field of the document has a row of its type, and each row a field. So the document must contain
// every optional field.
inline void ExpectDocumented(const nlohmann::json& document, const std::string& page,
                             const std::string& heading) {
  StatusFields fields;
  CollectFields(document, "", &fields);
  const StatusFields documented = DocumentedFields(page, heading);
  for (const auto& [path, types] : fields) {
    const auto row = documented.find(path);
    if (row == documented.end()) {
      ADD_FAILURE() << "docs/status.md, " << heading << ": lacks " << path;
      continue;
    }
    for (const std::string& type : types) {
      const bool whole = type == "integer" && row->second.contains("number");
      EXPECT_TRUE(whole || row->second.contains(type)) << path << " is of the type " << type;
    }
  }
  for (const auto& [path, types] : documented) {
    const bool object = types.contains("object");  // the fields of an object have rows of their own
    EXPECT_TRUE(object || fields.contains(path)) << "docs/status.md: the document lacks " << path;
  }
}

}  // namespace warp

#endif  // WARP_TESTS_STATUS_PAGE_H_
