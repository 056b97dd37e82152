#include "dataplane/wire/crypto/key_derivation.h"

#include <sodium.h>

#include "absl/strings/string_view.h"

namespace warp::wire {

SymmetricKey DeriveBulkKey(const SymmetricKey& split_key, Cipher cipher, KeyDirection direction) {
  constexpr absl::string_view kLabel = "WARP/1 bulk key";
  const uint8_t use[2] = {static_cast<uint8_t>(cipher), static_cast<uint8_t>(direction)};
  crypto_generichash_blake2b_state state;
  crypto_generichash_blake2b_init(&state, split_key.bytes().data(), kKeySize, kKeySize);
  crypto_generichash_blake2b_update(&state, reinterpret_cast<const uint8_t*>(kLabel.data()),
                                    kLabel.size());
  crypto_generichash_blake2b_update(&state, use, sizeof(use));
  SymmetricKey key;
  crypto_generichash_blake2b_final(&state, key.mutable_bytes().data(), kKeySize);
  sodium_memzero(&state, sizeof(state));
  return key;
}

}  // namespace warp::wire
