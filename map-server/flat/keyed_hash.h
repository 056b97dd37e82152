// SipHash under a random key of this object. What strangers choose (addresses, keys) is put into places by it alone:
// of absl::Hash anybody can compute which numbers of 64 bits meet in one place, whatever its seed is.
#ifndef WARP_MAP_SERVER_FLAT_KEYED_HASH_H_
#define WARP_MAP_SERVER_FLAT_KEYED_HASH_H_

#include <sodium.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "absl/container/flat_hash_map.h"

namespace warp::map {

class KeyedHash {
 public:
  KeyedHash() { crypto_shorthash_keygen(key_.data()); }

  template <typename T>
  uint64_t Of(const T& value) const {
    static_assert(std::has_unique_object_representations_v<T>);
    std::array<uint8_t, crypto_shorthash_BYTES> hash;
    crypto_shorthash(hash.data(), reinterpret_cast<const uint8_t*>(&value), sizeof(value),
                     key_.data());
    return std::bit_cast<uint64_t>(hash);
  }

 private:
  std::array<uint8_t, crypto_shorthash_KEYBYTES> key_;
};

// The same as the hash of a table of Abseil's: each table draws a key of its own.
template <typename Key>
struct KeyedHasher {
  size_t operator()(const Key& key) const { return keyed.Of(key); }
  KeyedHash keyed;
};
template <typename Key, typename Value>
using KeyedMap = absl::flat_hash_map<Key, Value, KeyedHasher<Key>>;

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_FLAT_KEYED_HASH_H_
