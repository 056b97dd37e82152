// The symmetric half of a Noise handshake (revision 34, section 5.2): chaining key, transcript
// hash, and the cipher that encrypts what a message carries. ChaChaPoly and BLAKE2b-512 on
// libsodium. Used by noise.h alone.
#ifndef WARP_DATAPLANE_WIRE_HANDSHAKE_NOISE_STATE_H_
#define WARP_DATAPLANE_WIRE_HANDSHAKE_NOISE_STATE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/strings/string_view.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/crypto/keys.h"

namespace warp::wire {

inline constexpr size_t kNoiseHashSize = 64;  // HASHLEN of BLAKE2b
inline constexpr size_t kNoiseInitiationOverhead = kKeySize + kKeySize + kTagSize + kTagSize;
inline constexpr size_t kNoiseResponseOverhead = kKeySize + kTagSize;

enum class NoisePattern : uint8_t {
  kIkPsk2,  // WARP's
  kIk,      // without a pre-shared key: for the published test vectors
};

class NoiseState {
 public:
  NoiseState(NoisePattern pattern, Bytes prologue);
  NoiseState(const NoiseState&) = default;  // to try a message without touching the original
  NoiseState& operator=(const NoiseState&) = default;
  ~NoiseState();

  void MixHash(Bytes data);
  void MixKey(Bytes input);
  void MixKeyAndHash(Bytes input);
  // MixKey of an X25519 result. Where that is all zero nothing is mixed, and the answer is false.
  [[nodiscard]] bool MixDh(const SecretKey& secret, const PublicKey& remote);

  // Appends the ciphertext and tag of `plaintext` to `out`. The caller has mixed in a key.
  void EncryptAndHash(Bytes plaintext, std::vector<uint8_t>* out);
  // False where the tag is wrong; `plaintext` must hold ciphertext.size() - kTagSize bytes.
  [[nodiscard]] bool DecryptAndHash(Bytes ciphertext, uint8_t* plaintext);

  void Split(SymmetricKey* first, SymmetricKey* second) const;
  // A key of its own for `label`: BLAKE2b-256, keyed with the chaining key. Both ends have it once they have mixed in
  // the same results of Diffie-Hellman, and nobody else has.
  SymmetricKey DeriveKey(absl::string_view label) const;
  const std::array<uint8_t, kNoiseHashSize>& hash() const { return hash_; }

 private:
  using Hash = std::array<uint8_t, kNoiseHashSize>;

  void InitializeKey(const Hash& key);

  Hash chaining_key_{};
  Hash hash_{};
  std::array<uint8_t, kKeySize> key_{};
  uint64_t nonce_ = 0;
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_HANDSHAKE_NOISE_STATE_H_
