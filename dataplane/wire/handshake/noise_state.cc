#include "dataplane/wire/handshake/noise_state.h"

#include <sodium.h>

#include <algorithm>
#include <initializer_list>
#include <span>

#include "absl/strings/string_view.h"
#include "dataplane/wire/byte_order.h"

namespace warp::wire {

namespace {

using Hash = std::array<uint8_t, kNoiseHashSize>;

constexpr size_t kBlockSize = 128;  // BLOCKLEN of BLAKE2b

Hash Blake2b(std::initializer_list<Bytes> parts) {
  crypto_generichash_blake2b_state state;
  crypto_generichash_blake2b_init(&state, nullptr, 0, kNoiseHashSize);
  for (const Bytes part : parts) {
    crypto_generichash_blake2b_update(&state, part.data(), part.size());
  }
  Hash hash;
  crypto_generichash_blake2b_final(&state, hash.data(), hash.size());
  sodium_memzero(&state, sizeof(state));
  return hash;
}

// HMAC (RFC 2104) over BLAKE2b, because Noise asks for it and not for BLAKE2b's own keying. The key is a hash, and so
// shorter than a block.
Hash Hmac(const Hash& key, Bytes data, Bytes more = {}) {
  std::array<uint8_t, kBlockSize> inner;
  std::array<uint8_t, kBlockSize> outer;
  inner.fill(0x36);
  outer.fill(0x5c);
  for (size_t i = 0; i < key.size(); ++i) {
    inner[i] ^= key[i];
    outer[i] ^= key[i];
  }
  Hash inner_hash = Blake2b({inner, data, more});
  const Hash mac = Blake2b({outer, inner_hash});
  sodium_memzero(inner.data(), inner.size());
  sodium_memzero(outer.data(), outer.size());
  sodium_memzero(inner_hash.data(), inner_hash.size());
  return mac;
}

// HKDF of section 4.3; it gives as many outputs as the caller asks for.
template <size_t kOutputs>
struct Hkdf {
  Hkdf(const Hash& chaining_key, Bytes input) {
    Hash temp = Hmac(chaining_key, input);
    for (uint8_t i = 0; i < kOutputs; ++i) {
      const uint8_t number = static_cast<uint8_t>(i + 1);
      outputs[i] = Hmac(temp, i == 0 ? Bytes() : Bytes(outputs[i - 1]), {&number, 1});
    }
    sodium_memzero(temp.data(), temp.size());
  }
  ~Hkdf() { sodium_memzero(outputs.data(), sizeof(outputs)); }
  std::array<Hash, kOutputs> outputs;
};

absl::string_view ProtocolName(NoisePattern pattern) {
  return pattern == NoisePattern::kIkPsk2 ? "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2b"
                                          : "Noise_IK_25519_ChaChaPoly_BLAKE2b";
}

std::array<uint8_t, 12> NonceOf(uint64_t number) {
  std::array<uint8_t, 12> nonce{};
  WriteAs(Le64(number), nonce.data() + 4);
  return nonce;
}

}  // namespace

NoiseState::NoiseState(NoisePattern pattern, Bytes prologue) {
  // A protocol name that is no longer than a hash is padded with zeros to its size.
  const absl::string_view name = ProtocolName(pattern);
  std::copy(name.begin(), name.end(), hash_.begin());
  chaining_key_ = hash_;
  MixHash(prologue);
}

NoiseState::~NoiseState() {
  sodium_memzero(chaining_key_.data(), chaining_key_.size());
  sodium_memzero(key_.data(), key_.size());
}

void NoiseState::InitializeKey(const Hash& key) {
  std::copy_n(key.begin(), key_.size(), key_.begin());
  nonce_ = 0;
}

void NoiseState::MixHash(Bytes data) { hash_ = Blake2b({hash_, data}); }

void NoiseState::MixKey(Bytes input) {
  const Hkdf<2> hkdf(chaining_key_, input);
  chaining_key_ = hkdf.outputs[0];
  InitializeKey(hkdf.outputs[1]);
}

void NoiseState::MixKeyAndHash(Bytes input) {
  const Hkdf<3> hkdf(chaining_key_, input);
  chaining_key_ = hkdf.outputs[0];
  MixHash(hkdf.outputs[1]);
  InitializeKey(hkdf.outputs[2]);
}

bool NoiseState::MixDh(const SecretKey& secret, const PublicKey& remote) {
  SecretBytes shared;
  // libsodium compares with zero in constant time and says so.
  if (crypto_scalarmult_curve25519(shared.mutable_bytes().data(), secret.bytes().data(),
                                   remote.bytes().data()) != 0) {
    return false;
  }
  MixKey(shared.bytes());
  return true;
}

void NoiseState::EncryptAndHash(Bytes plaintext, std::vector<uint8_t>* out) {
  const size_t start = out->size();
  out->resize(start + plaintext.size() + kTagSize);
  crypto_aead_chacha20poly1305_ietf_encrypt(out->data() + start, nullptr, plaintext.data(),
                                            plaintext.size(), hash_.data(), hash_.size(), nullptr,
                                            NonceOf(nonce_).data(), key_.data());
  ++nonce_;
  MixHash(Bytes(*out).subspan(start));
}

bool NoiseState::DecryptAndHash(Bytes ciphertext, uint8_t* plaintext) {
  if (crypto_aead_chacha20poly1305_ietf_decrypt(plaintext, nullptr, nullptr, ciphertext.data(),
                                                ciphertext.size(), hash_.data(), hash_.size(),
                                                NonceOf(nonce_).data(), key_.data()) != 0) {
    return false;
  }
  ++nonce_;
  MixHash(ciphertext);
  return true;
}

void NoiseState::Split(SymmetricKey* first, SymmetricKey* second) const {
  const Hkdf<2> hkdf(chaining_key_, {});
  std::copy_n(hkdf.outputs[0].begin(), kKeySize, first->mutable_bytes().begin());
  std::copy_n(hkdf.outputs[1].begin(), kKeySize, second->mutable_bytes().begin());
}

SymmetricKey NoiseState::DeriveKey(absl::string_view label) const {
  SymmetricKey key;
  crypto_generichash(key.mutable_bytes().data(), kKeySize,
                     reinterpret_cast<const unsigned char*>(label.data()), label.size(),
                     chaining_key_.data(), chaining_key_.size());
  return key;
}

}  // namespace warp::wire
