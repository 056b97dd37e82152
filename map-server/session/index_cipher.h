// Receiver indices: the number of a session's place and a random byte, enciphered. So the map finds the session without
// a table, and nobody learns from an index how many sessions there are.
#ifndef WARP_MAP_SERVER_SESSION_INDEX_CIPHER_H_
#define WARP_MAP_SERVER_SESSION_INDEX_CIPHER_H_

#include <sodium.h>

#include <array>
#include <cstdint>

namespace warp::map {

// A permutation of 32 bits: four rounds of a Feistel network with SipHash, under a key of this object.
class IndexCipher {
 public:
  IndexCipher() { crypto_shorthash_keygen(key_.data()); }

  uint32_t Encipher(uint32_t number) const {
    auto left = static_cast<uint16_t>(number >> 16);
    auto right = static_cast<uint16_t>(number);
    for (uint8_t round = 0; round < kRounds; ++round) {
      const uint16_t next = left ^ Mix(round, right);
      left = right;
      right = next;
    }
    return uint32_t{left} << 16 | right;
  }
  uint32_t Decipher(uint32_t index) const {
    auto left = static_cast<uint16_t>(index >> 16);
    auto right = static_cast<uint16_t>(index);
    for (uint8_t round = kRounds; round-- > 0;) {
      const uint16_t before = right ^ Mix(round, left);
      right = left;
      left = before;
    }
    return uint32_t{left} << 16 | right;
  }

 private:
  static constexpr uint8_t kRounds = 4;

  uint16_t Mix(uint8_t round, uint16_t half) const {
    const std::array<uint8_t, 3> input{round, static_cast<uint8_t>(half),
                                       static_cast<uint8_t>(half >> 8)};
    std::array<uint8_t, crypto_shorthash_BYTES> hash;
    crypto_shorthash(hash.data(), input.data(), input.size(), key_.data());
    return static_cast<uint16_t>(hash[0] | hash[1] << 8);
  }

  std::array<uint8_t, crypto_shorthash_KEYBYTES> key_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SESSION_INDEX_CIPHER_H_
