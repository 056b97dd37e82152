#include "control/config/file/key_files.h"

#include <sodium.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "control/config/file/regular_file.h"
#include "control/config/text/problems.h"

namespace warp::config {
namespace {

constexpr size_t kMaxKeyFileSize = 128;  // 44 characters and generous white space

template <typename Key>
absl::StatusOr<Key> ReadKeyFile(const std::string& path) {
  const std::string name = Printable(path);
  absl::StatusOr<std::string> text = ReadRegularFile(path, kMaxKeyFileSize, Readers::kOwnerAlone);
  if (!text.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(name, " ", text.status().message()));
  }
  absl::StatusOr<Key> key = Key::FromBase64(absl::StripAsciiWhitespace(*text));
  sodium_memzero(text->data(), text->size());
  if (!key.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " does not hold a key of 32 bytes in base64"));
  }
  if (key->is_zero()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " holds 32 zero bytes, which are no key: `warp keygen` makes one"));
  }
  return key;
}

}  // namespace

absl::StatusOr<wire::SecretKey> ReadSecretKeyFile(const std::string& path) {
  return ReadKeyFile<wire::SecretKey>(path);
}

absl::StatusOr<wire::PresharedKey> ReadPresharedKeyFile(const std::string& path) {
  return ReadKeyFile<wire::PresharedKey>(path);
}

}  // namespace warp::config
