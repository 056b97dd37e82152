#include "dataplane/wire/crypto/keys.h"

#include <sodium.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"

namespace warp::wire {

namespace {

constexpr size_t kBase64Size = 44;  // of 32 bytes, padded

// A key has exactly one text: 44 characters, the last a '=', and no stray bits before it. No error message repeats the
// text, since it may be a secret.
absl::Status DecodeBase64(absl::string_view text, std::array<uint8_t, kKeySize>* out) {
  size_t size = 0;
  // libsodium takes some bytes beyond ASCII for letters of the alphabet.
  if (text.size() != kBase64Size || !std::all_of(text.begin(), text.end(), absl::ascii_isascii) ||
      sodium_base642bin(out->data(), out->size(), text.data(), text.size(), nullptr, &size, nullptr,
                        sodium_base64_VARIANT_ORIGINAL) != 0 ||
      size != kKeySize) {
    sodium_memzero(out->data(), out->size());
    return absl::InvalidArgumentError("not a key: 44 characters of base64 are expected");
  }
  return absl::OkStatus();
}

std::string EncodeBase64(const std::array<uint8_t, kKeySize>& bytes) {
  std::string text(kBase64Size + 1, '\0');  // libsodium ends it with a zero
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(),
                    sodium_base64_VARIANT_ORIGINAL);
  text.resize(kBase64Size);
  return text;
}

template <typename Key>
absl::StatusOr<Key> SecretFromBase64(absl::string_view text) {
  Key key;
  if (absl::Status status = DecodeBase64(text, &key.mutable_bytes()); !status.ok()) return status;
  return key;
}

}  // namespace

absl::Status InitCrypto() {
  if (sodium_init() < 0) return absl::InternalError("libsodium finds no source of randomness");
  return absl::OkStatus();
}

absl::StatusOr<PublicKey> PublicKey::FromBase64(absl::string_view text) {
  PublicKey key;
  if (absl::Status status = DecodeBase64(text, &key.bytes_); !status.ok()) return status;
  return key;
}

bool PublicKey::IsSomebodys() const {
  // Any scalar serves: once clamped, it is a multiple of the small orders.
  constexpr std::array<uint8_t, kKeySize> scalar{1};
  std::array<uint8_t, kKeySize> shared;
  return crypto_scalarmult_curve25519(shared.data(), scalar.data(), bytes_.data()) == 0;
}

std::string PublicKey::ToBase64() const { return EncodeBase64(bytes_); }

SecretBytes::SecretBytes(std::span<const uint8_t, kKeySize> bytes) {
  std::copy(bytes.begin(), bytes.end(), bytes_.begin());
}

SecretBytes::SecretBytes(SecretBytes&& other) noexcept : bytes_(other.bytes_) {
  sodium_memzero(other.bytes_.data(), other.bytes_.size());
}

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this != &other) {
    bytes_ = other.bytes_;
    sodium_memzero(other.bytes_.data(), other.bytes_.size());
  }
  return *this;
}

bool SecretBytes::is_zero() const { return sodium_is_zero(bytes_.data(), bytes_.size()) == 1; }

SecretBytes::~SecretBytes() { sodium_memzero(bytes_.data(), bytes_.size()); }

SecretKey SecretKey::Generate() {
  SecretKey key;
  randombytes_buf(key.bytes_.data(), key.bytes_.size());
  // RFC 7748 clamps on use. Clamping here as well makes the stored text what `wg genkey` would have written.
  key.bytes_[0] &= 248;
  key.bytes_[31] = static_cast<uint8_t>((key.bytes_[31] & 127) | 64);
  return key;
}

absl::StatusOr<SecretKey> SecretKey::FromBase64(absl::string_view text) {
  return SecretFromBase64<SecretKey>(text);
}

std::string SecretKey::ToBase64() const { return EncodeBase64(bytes_); }

SecretKey SecretKey::Clone() const { return SecretKey(bytes_); }

PublicKey SecretKey::Public() const {
  std::array<uint8_t, kKeySize> bytes;
  // This cannot fail for a clamped scalar, because the base point has prime order.
  if (crypto_scalarmult_curve25519_base(bytes.data(), bytes_.data()) != 0) return PublicKey();
  return PublicKey::FromBytes(bytes);
}

KeyPair::KeyPair(SecretKey secret) : secret_(std::move(secret)), public_key_(secret_.Public()) {}

absl::StatusOr<PresharedKey> PresharedKey::FromBase64(absl::string_view text) {
  return SecretFromBase64<PresharedKey>(text);
}

PresharedKey PresharedKey::Clone() const { return PresharedKey(bytes_); }

}  // namespace warp::wire
