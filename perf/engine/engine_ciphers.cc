// Measures the bulk ciphers of every engine, which seal bursts of 32.
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/lcore/constants.h"
#include "dataplane/lcore/crypto/engine_cryptodev.h"
#include "dataplane/wire/crypto/aead.h"
#include "perf/engine/engine_suite.h"
#ifdef WARP_HAVE_LIBCRYPTO
#include <openssl/evp.h>
#endif

namespace warp::perf {
namespace {

using lcore::kBurst;

constexpr uint32_t kSizes[] = {64, 1420};
constexpr wire::Cipher kCiphers[] = {wire::Cipher::kAes256Gcm, wire::Cipher::kChaCha20Poly1305};

using Buffers = std::vector<std::array<uint8_t, 2048>>;

class EngineCipher {
 public:
  EngineCipher(wire::AeadEngine* engine, wire::Cipher cipher, uint32_t size)
      : engine_(*engine), key_(cipher, wire::SymmetricKey()), size_(size) {}

  double Sample() {
    const uint64_t begin = Cycles();
    for (size_t sealed = 0; sealed < kSample; sealed += kBurst) {
      for (size_t i = 0; i < kBurst; ++i) {
        uint8_t* const header = buffers_[sealed + i].data();
        jobs_[i] = {.key = &key_,
                    .counter = counter_++,
                    .header = header,
                    .text = header + wire::kDataHeaderSize,
                    .text_size = size_};
      }
      for (size_t submitted = 0, done = 0; done < kBurst;) {
        submitted += engine_.Submit(wire::Direction::kSeal, std::span(jobs_).subspan(submitted));
        done += engine_.Collect(done_);
      }
    }
    return static_cast<double>(Cycles() - begin) / kSample;
  }

 private:
  wire::AeadEngine& engine_;
  const wire::BulkKey key_;
  const uint32_t size_;
  Buffers buffers_{kSample};
  std::array<wire::AeadJob, kBurst> jobs_;
  std::array<wire::AeadJob*, kBurst> done_;
  uint64_t counter_ = 0;
};

#ifdef WARP_HAVE_LIBCRYPTO
// OpenSSL in its fast way: one context keeps the key schedule, and only the nonce is set for each packet.
class OpensslCipher {
 public:
  OpensslCipher(wire::Cipher cipher, uint32_t size) : size_(size) {
    const std::array<uint8_t, 32> key{};
    EVP_EncryptInit_ex(
        context_.get(),
        cipher == wire::Cipher::kAes256Gcm ? EVP_aes_256_gcm() : EVP_chacha20_poly1305(), nullptr,
        key.data(), nullptr);
  }
  double Sample() {
    const uint64_t begin = Cycles();
    for (size_t i = 0; i < kSample; ++i) {
      uint8_t* const header = buffers_[i].data();
      uint8_t* const text = header + wire::kDataHeaderSize;
      const std::array<uint32_t, 3> nonce = {0, static_cast<uint32_t>(counter_++), 0};
      int length = 0;
      EVP_EncryptInit_ex(context_.get(), nullptr, nullptr, nullptr,
                         reinterpret_cast<const uint8_t*>(nonce.data()));
      EVP_EncryptUpdate(context_.get(), nullptr, &length, header, wire::kDataHeaderSize);
      EVP_EncryptUpdate(context_.get(), text, &length, text, static_cast<int>(size_));
      EVP_EncryptFinal_ex(context_.get(), text + size_, &length);
      EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, wire::kTagSize, text + size_);
    }
    return static_cast<double>(Cycles() - begin) / kSample;
  }

 private:
  struct Free {
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };
  const std::unique_ptr<EVP_CIPHER_CTX, Free> context_{EVP_CIPHER_CTX_new()};
  const uint32_t size_;
  Buffers buffers_{kSample};
  uint64_t counter_ = 0;
};
#endif

}  // namespace

void MeasureCiphers(const Effort& effort, Json* results) {
  for (const wire::Cipher cipher : kCiphers) {
    for (const uint32_t size : kSizes) {
      const std::string suffix = absl::StrCat("_", wire::CipherName(cipher), "_", size);
      for (const wire::EngineKind kind : {wire::EngineKind::kIpsecMb, wire::EngineKind::kSodium}) {
        auto engine = wire::MakeEngine(kind);
        if (!engine.ok()) continue;
        const std::string name = absl::StrCat("cipher_", (*engine)->name(), suffix);
        if (!effort.Wants(name)) continue;
        EngineCipher sealing(engine->get(), cipher, size);
        (*results)[name] = Measure({.whole = [&] { return sealing.Sample(); }}, effort.rounds);
      }
      // DPDK's software drivers show what DPDK's interface to a device costs.
      for (const char* driver : {"crypto_aesni_gcm", "crypto_aesni_mb"}) {
        const std::string name = absl::StrCat("cipher_cryptodev_", driver + 7, suffix);
        if (!effort.Wants(name)) continue;
        const auto device =
            lcore::CryptoDevice::Open(absl::StrCat(driver, results->size(), "_perf"), 1);
        if (!device.ok()) continue;
        wire::SetKeyDevice(device->get());
        const bool takes_it = wire::BulkKey(cipher, wire::SymmetricKey()).device_key() != nullptr;
        if (takes_it) {
          const std::unique_ptr<wire::AeadEngine> engine = *(*device)->MakeEngine(0);
          EngineCipher sealing(engine.get(), cipher, size);
          (*results)[name] = Measure({.whole = [&] { return sealing.Sample(); }}, effort.rounds);
        }
        wire::SetKeyDevice(nullptr);
      }
#ifdef WARP_HAVE_LIBCRYPTO
      if (!effort.Wants("cipher_openssl" + suffix)) continue;
      OpensslCipher sealing(cipher, size);
      (*results)["cipher_openssl" + suffix] =
          Measure({.whole = [&] { return sealing.Sample(); }}, effort.rounds);
#endif
    }
  }
}

}  // namespace warp::perf
