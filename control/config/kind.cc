#include "control/config/kind.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "control/config/file/regular_file.h"
#include "control/config/map_schema.h"
#include "control/config/node_schema.h"
#include "control/config/schema/document.h"
#include "control/config/text/problems.h"

namespace warp::config {
namespace {

size_t CountKnown(const Value& document, const Section& section) {
  const std::vector<std::string> names = section.KeyNames();
  return static_cast<size_t>(
      std::count_if(document.entries.begin(), document.entries.end(), [&](const Entry& entry) {
        return std::find(names.begin(), names.end(), entry.key) != names.end();
      }));
}

}  // namespace

Kind KindOf(absl::string_view text) {
  Problems ignored("");
  const std::optional<Value> document = ParseDocument(text, ignored);
  if (!document) return Kind::kNode;
  return CountKnown(*document, MapSchema()) > CountKnown(*document, NodeSchema()) ? Kind::kMap
                                                                                  : Kind::kNode;
}

Kind KindOfFile(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadRegularFile(path, kMaxFileSize);
  return text.ok() ? KindOf(*text) : Kind::kNode;
}

}  // namespace warp::config
