#include "dataplane/wire/crypto/aead.h"

#include <sodium.h>

#include <atomic>

#include "absl/status/status.h"
#include "dataplane/wire/crypto/bulk_key.h"

namespace warp::wire {

absl::string_view CipherName(Cipher cipher) {
  switch (cipher) {
    case Cipher::kAes256Gcm:
      return "aes-256-gcm";
    case Cipher::kChaCha20Poly1305:
      return "chacha20-poly1305";
  }
  return "invalid";
}

bool HaveAes() {
  // libsodium knows the CPU once it is initialised.
  static const bool have = sodium_init() >= 0 && crypto_aead_aes256gcm_is_available() != 0;
  return have;
}

std::vector<Cipher> SupportedCiphers() {
  if (HaveAes()) return {Cipher::kAes256Gcm, Cipher::kChaCha20Poly1305};
  return {Cipher::kChaCha20Poly1305};
}

AesSchedule::AesSchedule(const SymmetricKey& key) {
  crypto_aead_aes256gcm_beforenm(&sodium, key.bytes().data());
#ifdef WARP_HAVE_IPSEC_MB
  ExpandIpsecMbKey(key, &ipsec_mb);
#endif
}

namespace {

std::atomic<KeyDevice*> key_device = nullptr;

std::unique_ptr<DeviceKey> ExpandForDevice(Cipher cipher, const SymmetricKey& key) {
  KeyDevice* const device = key_device;
  return device != nullptr ? device->Expand(cipher, key) : nullptr;
}

}  // namespace

void SetKeyDevice(KeyDevice* device) { key_device = device; }

BulkKey::BulkKey(Cipher cipher, const SymmetricKey& key)
    : cipher_(cipher), schedule_(new Schedule), device_key_(ExpandForDevice(cipher, key)) {
  if (cipher == Cipher::kChaCha20Poly1305) {
    schedule_->chacha = key.bytes();
  } else if (HaveAes()) {
    schedule_->aes = std::make_unique<AesSchedule>(key);
  }
}

BulkKey::~BulkKey() {
  sodium_memzero(schedule_->chacha.data(), schedule_->chacha.size());
  delete schedule_;
}

absl::StatusOr<std::unique_ptr<AeadEngine>> MakeEngine(EngineKind kind) {
  if (kind == EngineKind::kSodium) return MakeSodiumEngine();
  if (kind == EngineKind::kCryptodev) {
    return absl::UnavailableError("the cryptodev engine needs a device of the dataplane's");
  }
  if (std::unique_ptr<AeadEngine> engine = MakeIpsecMbEngine()) return engine;
  if (kind == EngineKind::kAuto) return MakeSodiumEngine();
  return absl::UnavailableError("this build or CPU has no ipsec-mb engine");
}

}  // namespace warp::wire
