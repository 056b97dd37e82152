#include "dataplane/wire/crypto/aead.h"

#include <sodium.h>

#include <algorithm>
#include <atomic>

#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

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

bool SodiumHasAes() {
  // libsodium knows the CPU once it is initialised.
  static const bool has = sodium_init() >= 0 && crypto_aead_aes256gcm_is_available() != 0;
  return has;
}

bool HaveAes() {
#if defined(__aarch64__)
  static const bool have =
      (getauxval(AT_HWCAP) & HWCAP_AES) != 0 && (getauxval(AT_HWCAP) & HWCAP_PMULL) != 0;
  return have;
#else
  return SodiumHasAes();
#endif
}

std::vector<Cipher> SupportedCiphers(EngineKind engine) {
  const bool others = engine != EngineKind::kSodium &&
                      (MakeOpensslEngine() != nullptr || MakeIpsecMbEngine() != nullptr);
  if (HaveAes() && (SodiumHasAes() || others))
    return {Cipher::kAes256Gcm, Cipher::kChaCha20Poly1305};
  return {Cipher::kChaCha20Poly1305};
}

AesSchedule::AesSchedule(const SymmetricKey& key) {
  if (SodiumHasAes()) crypto_aead_aes256gcm_beforenm(&sodium, key.bytes().data());
#ifdef WARP_HAVE_IPSEC_MB
  ExpandIpsecMbKey(key, &ipsec_mb);
#endif
}

namespace {

std::atomic<KeyDevice*> key_device = nullptr;
std::atomic<uint64_t> keys_made = 0;
std::atomic<uint64_t> keys_ended = 0;

std::unique_ptr<DeviceKey> ExpandForDevice(Cipher cipher, const SymmetricKey& key) {
  KeyDevice* const device = key_device;
  return device != nullptr ? device->Expand(cipher, key) : nullptr;
}

}  // namespace

void SetKeyDevice(KeyDevice* device) { key_device = device; }
uint64_t KeysEnded() { return keys_ended.load(std::memory_order_relaxed); }

BulkKey::BulkKey(Cipher cipher, const SymmetricKey& key)
    : cipher_(cipher), schedule_(new Schedule), device_key_(ExpandForDevice(cipher, key)) {
  schedule_->number = ++keys_made;
  schedule_->key = key.bytes();
  if (cipher == Cipher::kAes256Gcm && HaveAes()) {
    schedule_->aes = std::make_unique<AesSchedule>(key);
  }
}

BulkKey::~BulkKey() {
  sodium_memzero(schedule_->key.data(), schedule_->key.size());
  delete schedule_;
  ++keys_ended;
}

absl::StatusOr<std::unique_ptr<AeadEngine>> MakeEngine(EngineKind kind) {
  std::unique_ptr<AeadEngine> engine;
  switch (kind) {
    case EngineKind::kSodium:
      return MakeSodiumEngine();
    case EngineKind::kCryptodev:
      return absl::UnavailableError("the cryptodev engine needs a device of the dataplane's");
    case EngineKind::kIpsecMb:
      if ((engine = MakeIpsecMbEngine()) != nullptr) return engine;
      return absl::UnavailableError("this build or CPU has no ipsec-mb engine");
    case EngineKind::kOpenssl:
      if ((engine = MakeOpensslEngine()) != nullptr) return engine;
      return absl::UnavailableError("this build has no openssl engine");
    case EngineKind::kAuto:
      break;
  }
  for (const EngineKind candidate : kEngines) {
    absl::StatusOr<std::unique_ptr<AeadEngine>> made = MakeEngine(candidate);
    if (made.ok()) return made;
  }
  return MakeSodiumEngine();
}

std::unique_ptr<AeadEngine> MakeEngineFor(std::span<const Cipher> ciphers) {
  for (const EngineKind kind : {EngineKind::kSodium, EngineKind::kOpenssl, EngineKind::kIpsecMb}) {
    const std::vector<Cipher> has = SupportedCiphers(kind);
    const bool all = std::all_of(ciphers.begin(), ciphers.end(), [&](Cipher cipher) {
      return std::find(has.begin(), has.end(), cipher) != has.end();
    });
    if (!all) continue;
    absl::StatusOr<std::unique_ptr<AeadEngine>> made = MakeEngine(kind);
    if (made.ok()) return *std::move(made);
  }
  return MakeSodiumEngine();
}

}  // namespace warp::wire
