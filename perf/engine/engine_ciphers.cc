// Measures the bulk ciphers of every engine, which seal bursts of 32.
#include <vector>

#include "absl/strings/str_cat.h"
#include "dataplane/lcore/constants.h"
#include "dataplane/lcore/crypto/crypto_device.h"
#include "dataplane/wire/crypto/aead.h"
#include "perf/engine/engine_suite.h"

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

}  // namespace

void MeasureCiphers(const Effort& effort, Json* results) {
  for (const wire::Cipher cipher : kCiphers) {
    for (const uint32_t size : kSizes) {
      const std::string suffix = absl::StrCat("_", wire::CipherName(cipher), "_", size);
      for (const wire::EngineKind kind : wire::kEngines) {
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
    }
  }
}

}  // namespace warp::perf
