// Secret keys in files. A file is read once, and only if nobody but its owner can read it.
#ifndef WARP_CONTROL_CONFIG_FILE_KEY_FILES_H_
#define WARP_CONTROL_CONFIG_FILE_KEY_FILES_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/wire/crypto/keys.h"

namespace warp::config {

// Whether loading a configuration reads the key files it names, and asks this machine whether it has what is named.
enum class KeyFiles : uint8_t {
  kRead,
  kIgnore,  // keys stay zero, so that a configuration can be checked on another machine than its own
};

// Reads a file of 44 characters of base64, as `warp keygen` and `wg genkey` write them, with white space around them if
// need be. InvalidArgument, with one sentence that names the file: it is missing, not a regular file, readable by group
// or others, too large, not a key, or all zero. May wait for the disk, but never for a writer (of a FIFO).
absl::StatusOr<wire::SecretKey> ReadSecretKeyFile(const std::string& path);
absl::StatusOr<wire::PresharedKey> ReadPresharedKeyFile(const std::string& path);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_FILE_KEY_FILES_H_
