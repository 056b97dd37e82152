// A YAML file as a tree that knows its lines. The subset of YAML 1.2 that a configuration needs,
// bounded: scalars, lists and maps with scalar keys, one document; no anchors, aliases or tags (so
// no alias bombs), UTF-8 alone.
#ifndef WARP_CONTROL_CONFIG_SCHEMA_DOCUMENT_H_
#define WARP_CONTROL_CONFIG_SCHEMA_DOCUMENT_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "control/config/text/problems.h"

namespace warp::config {

inline constexpr size_t kMaxFileSize = size_t{1} << 20;
inline constexpr size_t kMaxDepth = 16;  // of lists and maps in each other
inline constexpr size_t kMaxKeys = 64;   // of one map
inline constexpr size_t kMaxValues = 100'000;

struct Entry;

struct Value {
  enum class Kind { kNothing, kScalar, kList, kMap };

  Kind kind = Kind::kNothing;
  int line = 0;                // from 1
  std::string text;            // of a scalar
  std::vector<Value> items;    // of a list
  std::vector<Entry> entries;  // of a map, in the order of the file, each key once

  // "a list", for messages.
  absl::string_view KindName() const;
};

struct Entry {
  std::string key;
  int line = 0;
  Value value;
};

// Nothing when the text is not acceptable YAML: `problems` says why. An empty document is a
// kNothing value.
std::optional<Value> ParseDocument(absl::string_view text, Problems& problems);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_SCHEMA_DOCUMENT_H_
