#include "control/config/schema/load.h"

#include <sodium.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace warp::config {
namespace {

constexpr size_t kMaxSocketPath = 107;

}  // namespace

void Resolve(const Source& source, std::string& path) {
  if (!path.empty() && path[0] != '/') path = source.directory + path;
}

void CheckSocketPath(Reader& reader, const std::string& key, const std::string& path) {
  if (path.size() <= kMaxSocketPath) return;
  reader.Fail(key, absl::StrCat("the path ", Quote(path), " has ", path.size(),
                                " bytes, a socket's may have ", kMaxSocketPath));
}

void ReadKey(const Source& source, Reader& reader, const std::string& at, const std::string& path,
             wire::SecretKey& key) {
  if (source.key_files == KeyFiles::kIgnore || !reader.Sound(at)) return;
  absl::StatusOr<wire::SecretKey> read = ReadSecretKeyFile(path);
  if (!read.ok()) {
    reader.Fail(at, read.status().message());
    return;
  }
  key = *std::move(read);
}

void ReadKey(const Source& source, Reader& reader, const std::string& at, const std::string& path,
             std::optional<wire::PresharedKey>& key) {
  if (source.key_files == KeyFiles::kIgnore || !reader.Sound(at)) return;
  absl::StatusOr<wire::PresharedKey> read = ReadPresharedKeyFile(path);
  if (!read.ok()) {
    reader.Fail(at, read.status().message());
    return;
  }
  key = *std::move(read);
}

void RefusePrivate(Reader& reader, const std::string& at, const wire::PublicKey& key,
                   const wire::SecretKey& own) {
  if (sodium_memcmp(key.bytes().data(), own.bytes().data(), own.bytes().size()) != 0) return;
  reader.Fail(at,
              "is the private key of this file, which others can read here: make a new one, and "
              "write what `warp pubkey` shows");
}

void ReadText(const Source& source, Reader& reader, const std::string& at, std::string& path,
              size_t limit, Readers readers, std::string& text) {
  if (path.empty() || !reader.Sound(at)) return;
  Resolve(source, path);
  if (source.key_files == KeyFiles::kIgnore) return;
  absl::StatusOr<std::string> read = ReadRegularFile(path, limit, readers);
  if (!read.ok()) {
    reader.Fail(at, absl::StrCat(Printable(path), " ", read.status().message()));
    return;
  }
  text = std::string(absl::StripAsciiWhitespace(*read));
  if (text.empty()) reader.Fail(at, absl::StrCat(Printable(path), " is empty"));
}

void Unique::ClaimDefault(const std::string& at, const std::string& value) {
  const auto [owner, fresh] = owners_.emplace(value, at);
  if (fresh) return;
  reader_.Fail(at, absl::StrCat(Quote(value), " is taken by ", owner->second));
}

}  // namespace warp::config
