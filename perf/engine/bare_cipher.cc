#include "perf/engine/bare_cipher.h"

#include <array>

#ifdef WARP_HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>
#else
#include <sodium.h>
#endif

namespace warp::perf {
namespace {

constexpr uint32_t kHeaderSize = 16;
constexpr uint32_t kTagSize = 16;
constexpr std::array<uint8_t, 32> kKey = {1, 2, 3};

// The nonce: 32 zero bits and the counter. The library reads it with one load, so it is written with one store.
typedef uint64_t NonceWords __attribute__((vector_size(16)));
NonceWords NonceOf(uint64_t counter) { return NonceWords{counter << 32, counter >> 32}; }

}  // namespace

#ifdef WARP_HAVE_IPSEC_MB

struct BareCipher::State {
  IMB_MGR* manager = alloc_mb_mgr(0);
  alignas(64) gcm_key_data key;  // the library requires an alignment of 16 without documenting it
  alignas(64) gcm_context_data context;
};

BareCipher::BareCipher() : state_(std::make_unique<State>()) {
  init_mb_mgr_auto(state_->manager, nullptr);
  IMB_AES256_GCM_PRE(state_->manager, kKey.data(), &state_->key);
}

BareCipher::~BareCipher() { free_mb_mgr(state_->manager); }

void BareCipher::Seal(uint8_t* header, uint32_t text_size, uint64_t counter) {
  const NonceWords nonce = NonceOf(counter);
  uint8_t* text = header + kHeaderSize;
  IMB_AES256_GCM_ENC(state_->manager, &state_->key, &state_->context, text, text, text_size,
                     reinterpret_cast<const uint8_t*>(&nonce), header, kHeaderSize,
                     text + text_size, kTagSize);
}

void BareCipher::Open(uint8_t* header, uint32_t text_size, uint64_t counter) {
  const NonceWords nonce = NonceOf(counter);
  uint8_t* text = header + kHeaderSize;
  std::array<uint8_t, kTagSize> tag;
  IMB_AES256_GCM_DEC(state_->manager, &state_->key, &state_->context, text, text, text_size,
                     reinterpret_cast<const uint8_t*>(&nonce), header, kHeaderSize, tag.data(),
                     kTagSize);
}

std::string BareCipher::LibraryVersion() { return imb_get_version_str(); }

#else

struct BareCipher::State {
  crypto_aead_aes256gcm_state key;
};

BareCipher::BareCipher() : state_(std::make_unique<State>()) {
  crypto_aead_aes256gcm_beforenm(&state_->key, kKey.data());
}

BareCipher::~BareCipher() = default;

void BareCipher::Seal(uint8_t* header, uint32_t text_size, uint64_t counter) {
  const NonceWords nonce = NonceOf(counter);
  uint8_t* text = header + kHeaderSize;
  crypto_aead_aes256gcm_encrypt_detached_afternm(
      text, text + text_size, nullptr, text, text_size, header, kHeaderSize, nullptr,
      reinterpret_cast<const uint8_t*>(&nonce), &state_->key);
}

void BareCipher::Open(uint8_t* header, uint32_t text_size, uint64_t counter) {
  const NonceWords nonce = NonceOf(counter);
  uint8_t* text = header + kHeaderSize;
  [[maybe_unused]] const int result = crypto_aead_aes256gcm_decrypt_detached_afternm(
      text, nullptr, text, text_size, text + text_size, header, kHeaderSize,
      reinterpret_cast<const uint8_t*>(&nonce), &state_->key);
}

std::string BareCipher::LibraryVersion() { return ""; }

#endif

}  // namespace warp::perf
