// The keys of the protocol. Each kind is a type of its own, so that one cannot be taken for another.
#ifndef WARP_DATAPLANE_WIRE_CRYPTO_KEYS_H_
#define WARP_DATAPLANE_WIRE_CRYPTO_KEYS_H_

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/constants.h"

namespace warp::wire {

// Initialises libsodium. main calls it before anything else of this library; a second call does nothing.
absl::Status InitCrypto();

// An X25519 public key (RFC 7748): the name of a node or map.
class PublicKey {
 public:
  constexpr PublicKey() = default;  // all zero: names nobody
  static constexpr PublicKey FromBytes(const std::array<uint8_t, kKeySize>& bytes) {
    PublicKey key;
    key.bytes_ = bytes;
    return key;
  }
  // 44 characters of base64 (RFC 4648 section 4), as `wg pubkey` prints them.
  static absl::StatusOr<PublicKey> FromBase64(absl::string_view text);
  std::string ToBase64() const;

  const std::array<uint8_t, kKeySize>& bytes() const { return bytes_; }
  bool is_zero() const { return *this == PublicKey(); }
  // Whether it can be somebody's: the dozen points of small order are not, and every handshake with one of them fails
  // (RFC 7748 section 6.1). Costs an X25519 operation.
  bool IsSomebodys() const;

  friend bool operator==(const PublicKey&, const PublicKey&) = default;
  friend auto operator<=>(const PublicKey&, const PublicKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const PublicKey& key) {
    return H::combine(std::move(h), key.bytes_);
  }

 private:
  std::array<uint8_t, kKeySize> bytes_{};
};

// 32 secret bytes that wipe themselves. No comparison, no implicit copy, no printing.
class SecretBytes {
 public:
  SecretBytes() = default;  // all zero
  explicit SecretBytes(std::span<const uint8_t, kKeySize> bytes);
  SecretBytes(SecretBytes&& other) noexcept;
  SecretBytes& operator=(SecretBytes&& other) noexcept;
  SecretBytes(const SecretBytes&) = delete;
  SecretBytes& operator=(const SecretBytes&) = delete;
  ~SecretBytes();

  const std::array<uint8_t, kKeySize>& bytes() const { return bytes_; }
  std::array<uint8_t, kKeySize>& mutable_bytes() { return bytes_; }
  bool is_zero() const;

 protected:
  std::array<uint8_t, kKeySize> bytes_{};
};

// An X25519 private key.
class SecretKey : public SecretBytes {
 public:
  using SecretBytes::SecretBytes;
  static SecretKey Generate();
  static absl::StatusOr<SecretKey> FromBase64(absl::string_view text);
  std::string ToBase64() const;  // for `warp keygen` alone
  // Has a name, so that a reader sees each copy of a secret.
  SecretKey Clone() const;
  PublicKey Public() const;  // costs an X25519 operation
};

// A private key beside its public one, for those who need both again and again.
class KeyPair {
 public:
  explicit KeyPair(SecretKey secret);
  static KeyPair Generate() { return KeyPair(SecretKey::Generate()); }
  const SecretKey& secret() const { return secret_; }
  const PublicKey& public_key() const { return public_key_; }
  KeyPair Clone() const { return KeyPair(secret_.Clone(), public_key_); }

 private:
  KeyPair(SecretKey secret, const PublicKey& public_key)
      : secret_(std::move(secret)), public_key_(public_key) {}

  SecretKey secret_;
  PublicKey public_key_;
};

// Mixed into the handshake as psk2; all zero where none is configured (Noise rev 34, section 9).
class PresharedKey : public SecretBytes {
 public:
  using SecretBytes::SecretBytes;
  static absl::StatusOr<PresharedKey> FromBase64(absl::string_view text);
  PresharedKey Clone() const;
};

// A key of the bulk cipher: one direction of one session.
class SymmetricKey : public SecretBytes {
 public:
  using SecretBytes::SecretBytes;
};

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_CRYPTO_KEYS_H_
