// One reading of one document: finds lines for keys, and collects what is wrong.
//
// A path names a value by the keys that lead to it: "tunnels[2].gate.loopback.listen".
#ifndef WARP_CONTROL_CONFIG_SCHEMA_READER_H_
#define WARP_CONTROL_CONFIG_SCHEMA_READER_H_

#include <functional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "control/config/schema/codec.h"
#include "control/config/schema/document.h"
#include "control/config/text/problems.h"

namespace warp::config {

class Section;

std::string JoinPath(absl::string_view path, absl::string_view key);  // "node" + "window"
std::string ItemPath(absl::string_view path, size_t index);           // "ports" + [1]
// "ports[1].name"
inline std::string At(absl::string_view list, size_t index, absl::string_view key) {
  return JoinPath(ItemPath(list, index), key);
}

class Reader {
 public:
  Reader(const Section& root, Problems& problems) : root_(root), problems_(problems) {}

  // Reads the whole document into `object`, which is of the root section's type.
  void Read(const Value& document, void* object);

  // The file has a value at `path`, and nothing is wrong with it so far.
  bool Sound(absl::string_view path) const {
    return lines_.contains(path) && !wrong_.contains(path);
  }
  bool Wrong(absl::string_view path) const { return wrong_.contains(path); }
  // 0 if the file has no value there.
  int LineOf(absl::string_view path) const;

  // Reports a mistake at `path`, or at the nearest path above it that the file has.
  void Fail(const std::string& path, absl::string_view what);

  // --- For sections ---
  const Section& root() const { return root_; }
  void Locate(const std::string& path, int line) { lines_[path] = line; }

  template <typename M>
  bool ReadScalar(const Value& value, const std::string& path, const Codec<M>& codec, M& out) {
    if (!IsScalar(value, path)) return false;
    absl::StatusOr<M> parsed = codec.read(value.text);
    if (!parsed.ok()) {
      Fail(path, parsed.status().message());
      return false;
    }
    out = *std::move(parsed);
    return true;
  }

  // Calls `each` for the items of a list of `min` to `max`; a value of nothing is an empty list.
  void ForEachItem(const Value& value, const std::string& path, size_t min, size_t max,
                   const std::function<void(const Value&, const std::string& path)>& each);

 private:
  bool IsScalar(const Value& value, const std::string& path);

  const Section& root_;
  Problems& problems_;
  absl::flat_hash_map<std::string, int> lines_;
  absl::flat_hash_set<std::string> wrong_;
};

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_SCHEMA_READER_H_
