// The engine that every machine has: libsodium's ChaCha20-Poly1305, and its AES-256-GCM where the CPU has AES.
#include <sodium.h>

#include "dataplane/wire/crypto/bulk_key.h"
#include "dataplane/wire/crypto/immediate_engine.h"

namespace warp::wire {

namespace {

class SodiumEngine : public ImmediateEngine {
 public:
  absl::string_view name() const override { return "libsodium"; }

 protected:
  void Run(Direction direction, std::span<AeadJob> jobs) override {
    for (AeadJob& job : jobs) {
      if (direction == Direction::kSeal) {
        Seal(job);
      } else {
        job.authentic = Open(job);
      }
    }
  }

 private:
  static void Seal(AeadJob& job) {
    const Nonce nonce(job.counter);
    uint8_t* const tag = job.text + job.text_size;
    const BulkKey::Schedule& schedule = job.key->schedule();
    if (job.key->cipher() == Cipher::kChaCha20Poly1305) {
      crypto_aead_chacha20poly1305_ietf_encrypt_detached(
          job.text, tag, nullptr, job.text, job.text_size, job.header, kDataHeaderSize, nullptr,
          nonce.data(), schedule.key.data());
    } else if (schedule.aes && SodiumHasAes()) {
      crypto_aead_aes256gcm_encrypt_detached_afternm(job.text, tag, nullptr, job.text,
                                                     job.text_size, job.header, kDataHeaderSize,
                                                     nullptr, nonce.data(), &schedule.aes->sodium);
    } else {
      sodium_memzero(job.text, job.text_size + kTagSize);  // never send it in clear
    }
  }

  static bool Open(AeadJob& job) {
    const Nonce nonce(job.counter);
    const uint8_t* const tag = job.text + job.text_size;
    const BulkKey::Schedule& schedule = job.key->schedule();
    if (job.key->cipher() == Cipher::kChaCha20Poly1305) {
      return crypto_aead_chacha20poly1305_ietf_decrypt_detached(
                 job.text, nullptr, job.text, job.text_size, tag, job.header, kDataHeaderSize,
                 nonce.data(), schedule.key.data()) == 0;
    }
    return schedule.aes && SodiumHasAes() &&
           crypto_aead_aes256gcm_decrypt_detached_afternm(
               job.text, nullptr, job.text, job.text_size, tag, job.header, kDataHeaderSize,
               nonce.data(), &schedule.aes->sodium) == 0;
  }
};

}  // namespace

std::unique_ptr<AeadEngine> MakeSodiumEngine() { return std::make_unique<SodiumEngine>(); }

}  // namespace warp::wire
