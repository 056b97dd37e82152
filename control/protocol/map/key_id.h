// How allow lists and the map's tables name a key, and how a node and its map name a whole allow list.
#ifndef WARP_CONTROL_PROTOCOL_MAP_KEY_ID_H_
#define WARP_CONTROL_PROTOCOL_MAP_KEY_ID_H_

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "dataplane/wire/crypto/keys.h"

namespace warp::protocol {

// BLAKE2b-128 of a public key. Whoever holds an allow list thus does not learn keys that never ask.
class KeyId {
 public:
  constexpr KeyId() = default;
  static constexpr KeyId FromBytes(const std::array<uint8_t, 16>& bytes) {
    KeyId id;
    id.bytes_ = bytes;
    return id;
  }
  static KeyId Of(const wire::PublicKey& key);

  const std::array<uint8_t, 16>& bytes() const { return bytes_; }

  friend bool operator==(const KeyId&, const KeyId&) = default;
  friend auto operator<=>(const KeyId&, const KeyId&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const KeyId& id) {
    return H::combine(std::move(h), id.bytes_);
  }

 private:
  std::array<uint8_t, 16> bytes_{};
};

// The first 8 bytes of BLAKE2b-256 over a sorted list without repetition; zeros for an empty list.
using AllowDigest = std::array<uint8_t, 8>;
AllowDigest DigestOf(std::span<const KeyId> sorted);

// The ids of the keys, sorted and without repetition, ready for DigestOf and for sending.
std::vector<KeyId> AllowList(std::span<const wire::PublicKey> keys);

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_MAP_KEY_ID_H_
