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
  std::string directory;   // of relative paths; empty: these stay as they are
  KeyFiles key_files = KeyFiles::kIgnore;
};

// Reads `source` as `section` says; `check` then looks at what concerns several objects.
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

// Fills `key` from the file at `path`, if the source asks for it. `at` is the configuration key that holds `path`.
void ReadKey(const Source& source, Reader& reader, const std::string& at, const std::string& path,
             wire::SecretKey& key);
void ReadKey(const Source& source, Reader& reader, const std::string& at, const std::string& path,
             std::optional<wire::PresharedKey>& key);

// Refuses a key that others may see and that is the reader's own private one: it would be told in clear, as public keys
// are. The sentence does not repeat it.
void RefusePrivate(Reader& reader, const std::string& at, const wire::PublicKey& key,
                   const wire::SecretKey& own);

// Fills `text` from the file at `path`, without white space around it, if the source asks for it. `path` is resolved;
// one that is empty is no file.
void ReadText(const Source& source, Reader& reader, const std::string& at, std::string& path,
              size_t limit, Readers readers, std::string& text);

// Values that may occur once only.
class Unique {
 public:
  explicit Unique(Reader& reader) : reader_(reader) {}

  // Claims a value that stands in the file at `at`. A value that is wrong already is left alone.
  void Claim(const std::string& at, const std::string& value) {
    if (reader_.Sound(at)) ClaimDefault(at, value);
  }
  // Claims a value that may follow from other keys instead.
  void ClaimDefault(const std::string& at, const std::string& value);

 private:
  Reader& reader_;
  std::map<std::string, std::string> owners_;
};

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_SCHEMA_LOAD_H_
