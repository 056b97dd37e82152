// What loading a node's and a map's configuration have in common.
#ifndef WARP_CONTROL_CONFIG_SCHEMA_LOAD_H_
#define WARP_CONTROL_CONFIG_SCHEMA_LOAD_H_

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "control/config/file/key_files.h"
#include "control/config/file/regular_file.h"
#include "control/config/schema/document.h"
#include "control/config/schema/reader.h"
#include "control/config/schema/schema.h"
#include "control/config/text/problems.h"

namespace warp::config {

// Where a configuration comes from.
struct Source {
  absl::string_view text;
  absl::string_view file;  // as messages call it
  std::string directory;   // that relative paths are taken from; empty: they stay
  KeyFiles key_files = KeyFiles::kIgnore;
};

// Reads `source` by `section`; then `check` looks at what concerns several objects.
template <typename C>
absl::StatusOr<C> Parse(const Source& source, const SectionOf<C>& section,
                        const std::function<void(Reader&, C&)>& check) {
  Problems problems(source.file);
  C config;
  if (const std::optional<Value> document = ParseDocument(source.text, problems)) {
    Reader reader(section, problems);
    reader.Read(*document, &config);
    check(reader, config);
  }
  if (!problems.empty()) return problems.ToStatus();
  return config;
}

// Reads the file at `path` and hands it to `parse`.
template <typename C>
absl::StatusOr<C> LoadFile(const std::string& path, KeyFiles key_files,
                           const std::function<absl::StatusOr<C>(const Source&)>& parse) {
  const absl::StatusOr<std::string> text = ReadRegularFile(path, kMaxFileSize);
  if (!text.ok()) {
    Problems problems(path);
    problems.Add(0, "", text.status().message());
    return problems.ToStatus();
  }
  const size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "" : path.substr(0, slash + 1);
  return parse({*text, path, directory, key_files});
}

// Takes a relative path from the directory of the source.
void Resolve(const Source& source, std::string& path);

// Refuses the path of a Unix socket that the kernel would cut (unix(7): 107 bytes).
void CheckSocketPath(Reader& reader, const std::string& key, const std::string& path);

// Fills `key` from the file at `path`, if the source says so; `at` is the path's key.
void ReadKey(const Source& source, Reader& reader, const std::string& at, const std::string& path,
             wire::SecretKey& key);
void ReadKey(const Source& source, Reader& reader, const std::string& at, const std::string& path,
             std::optional<wire::PresharedKey>& key);

// Values of which there may be one alone.
class Unique {
 public:
  explicit Unique(Reader& reader) : reader_(reader) {}

  // For what the file says at `at`. Values that are wrong already are left alone.
  void Claim(const std::string& at, const std::string& value) {
    if (reader_.Sound(at)) ClaimDefault(at, value);
  }
  // For what may follow from other keys, too.
  void ClaimDefault(const std::string& at, const std::string& value);

 private:
  Reader& reader_;
  std::map<std::string, std::string> owners_;
};

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_SCHEMA_LOAD_H_
