// Sets of public keys as an operator lists them: who may register at a map.
#ifndef WARP_CONTROL_CONFIG_FILE_KEY_LIST_H_
#define WARP_CONTROL_CONFIG_FILE_KEY_LIST_H_

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "dataplane/wire/crypto/keys.h"

namespace warp::config {

// More is a mistake: a map has at most as many registrations.
inline constexpr size_t kMaxListedKeys = 10'000'000;

// It never changes, so that any thread may ask it. A key takes 32 bytes.
class KeyList {
 public:
  // In any order, and with repetitions if need be.
  explicit KeyList(std::vector<wire::PublicKey> keys);

  bool Contains(const wire::PublicKey& key) const;
  size_t size() const { return keys_.size(); }
  // In the order of their bytes, each once.
  std::span<const wire::PublicKey> keys() const { return keys_; }

  friend bool operator==(const KeyList&, const KeyList&) = default;

 private:
  std::vector<wire::PublicKey> keys_;
};

// Reads a file of one key a line, 44 characters of base64; what stands behind a '#' is a comment. InvalidArgument, with
// one sentence that names the file, and the line where there is one: it cannot be read to its end, is not a regular
// file, is too large, has a line that is no key, or has no key at all. It is read piece by piece, so that it takes
// memory for its keys alone. May wait for the disk; any thread.
absl::StatusOr<std::vector<wire::PublicKey>> ReadKeyListFile(const std::string& path);

}  // namespace warp::config

#endif  // WARP_CONTROL_CONFIG_FILE_KEY_LIST_H_
