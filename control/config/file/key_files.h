// Secret keys in files: read once, and only where others cannot read them too.
#ifndef WARP_CONTROL_CONFIG_FILE_KEY_FILES_H_
#define WARP_CONTROL_CONFIG_FILE_KEY_FILES_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/wire/crypto/keys.h"

namespace warp::config {

// Whether loading a configuration reads the key files it names.
enum class KeyFiles : uint8_t {
  kRead,
  kIgnore,  // keys stay zero: for a file that is checked on another machine than its own
};

// The file holds 44 characters of base64, as `warp keygen` and `wg genkey` write them; white space
// around them is allowed. InvalidArgument with one sentence that names the file: missing, not a
// regular file, readable by group or others, too large, not a key. Blocks on the disk alone (never
// on a FIFO).
absl::StatusOr<wire::SecretKey> ReadSecretKeyFile(const std::string& path);
absl::StatusOr<wire::PresharedKey> ReadPresharedKeyFile(const std::string& path);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_FILE_KEY_FILES_H_
