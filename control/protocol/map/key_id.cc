#include "control/protocol/map/key_id.h"

#include <sodium.h>

#include <algorithm>

namespace warp::protocol {

KeyId KeyId::Of(const wire::PublicKey& key) {
  KeyId id;
  crypto_generichash(id.bytes_.data(), id.bytes_.size(), key.bytes().data(), key.bytes().size(),
                     nullptr, 0);
  return id;
}

AllowDigest DigestOf(std::span<const KeyId> sorted) {
  AllowDigest digest{};
  if (sorted.empty()) return digest;
  std::array<uint8_t, 32> hash;
  // A span of KeyId is their bytes in a row, because a KeyId holds nothing but its 16 bytes.
  static_assert(sizeof(KeyId) == 16);
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const uint8_t*>(sorted.data()),
                     sorted.size_bytes(), nullptr, 0);
  std::copy_n(hash.begin(), digest.size(), digest.begin());
  return digest;
}

std::vector<KeyId> AllowList(std::span<const wire::PublicKey> keys) {
  std::vector<KeyId> ids;
  ids.reserve(keys.size());
  for (const wire::PublicKey& key : keys) ids.push_back(KeyId::Of(key));
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

}  // namespace warp::protocol
