// The engine of OpenSSL's libcrypto (EVP). It has AES by the instructions of more CPUs than the others, among them
// those of arm64, and a ChaCha20-Poly1305 by wider vectors than libsodium's.
#include "dataplane/wire/crypto/bulk_key.h"
#include "dataplane/wire/crypto/immediate_engine.h"

#ifdef WARP_HAVE_LIBCRYPTO

#include <openssl/evp.h>

#include <utility>

namespace warp::wire {

namespace {

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_CIPHER_CTX, FreeContext>;

// A context holds an expanded key and the state of one message, so that each engine needs one of its own for each key.
// Making one takes memory, and expanding a key does not: so there are as many contexts from the beginning as an engine
// usually has keys, and a key that finds its place taken is expanded there again. So is one that was forgotten.
class Contexts {
 public:
  explicit Contexts(const EVP_CIPHER* cipher) {
    good_ = true;
    for (Slot& slot : slots_) {
      slot.context.reset(EVP_CIPHER_CTX_new());
      good_ = good_ && slot.context != nullptr && SetNoKey(slot, cipher);
    }
  }
  bool good() const { return good_; }

  // Nothing of any key is left.
  void Forget() {
    for (Slot& slot : slots_) {
      if (std::exchange(slot.number, 0) != 0) SetNoKey(slot, nullptr);
    }
  }

  // The context of the key, ready for a message under this nonce. Null where OpenSSL fails.
  EVP_CIPHER_CTX* For(const BulkKey::Schedule& schedule, const Nonce& nonce, Direction direction) {
    Slot& slot = slots_[schedule.number % slots_.size()];
    const bool expanded = slot.number == schedule.number;
    slot.number = 0;
    if (EVP_CipherInit_ex(slot.context.get(), nullptr, nullptr,
                          expanded ? nullptr : schedule.key.data(), nonce.data(),
                          direction == Direction::kSeal ? 1 : 0) != 1) {
      return nullptr;
    }
    slot.number = schedule.number;
    return slot.context.get();
  }

 private:
  static constexpr size_t kSlots = 64;
  struct Slot {
    Context context;
    uint64_t number = 0;  // of the key; 0: none
  };
  // Where `cipher` is null, the slot's stays.
  static bool SetNoKey(const Slot& slot, const EVP_CIPHER* cipher) {
    constexpr std::array<uint8_t, kKeySize> kNone{};
    return EVP_CipherInit_ex(slot.context.get(), cipher, nullptr, kNone.data(), kNone.data(), 1) ==
           1;
  }

  std::array<Slot, kSlots> slots_;
  bool good_ = false;
};

class OpensslEngine : public ImmediateEngine {
 public:
  OpensslEngine() : aes_(EVP_aes_256_gcm()), chacha_(EVP_chacha20_poly1305()) {}
  bool good() const { return aes_.good() && chacha_.good(); }
  absl::string_view name() const override { return "openssl"; }

 protected:
  void Run(Direction direction, std::span<AeadJob> jobs) override {
    ForgetEndedKeys();
    for (AeadJob& job : jobs) {
      const bool done = Apply(direction, job);
      job.authentic = done && direction == Direction::kOpen;
      if (done) continue;
      // What failed to be sealed must never be sent in clear.
      sodium_memzero(job.text, job.text_size + (direction == Direction::kSeal ? kTagSize : 0));
    }
  }

 private:
  // Which of them have ended is not asked, because that is seldom, and those that live on are expanded again.
  void ForgetEndedKeys() {
    const uint64_t ended = KeysEnded();
    if (std::exchange(ended_, ended) == ended) return;
    aes_.Forget();
    chacha_.Forget();
  }

  bool Apply(Direction direction, AeadJob& job) {
    const bool aes = job.key->cipher() == Cipher::kAes256Gcm;
    // Without the CPU's instructions AES would not take constant time.
    if (aes && !HaveAes()) return false;
    const Nonce nonce(job.counter);
    EVP_CIPHER_CTX* const context =
        (aes ? aes_ : chacha_).For(job.key->schedule(), nonce, direction);
    if (context == nullptr) return false;
    uint8_t* const tag = job.text + job.text_size;
    int size = 0;
    if (direction == Direction::kOpen &&
        EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, kTagSize, tag) != 1) {
      return false;
    }
    if (EVP_CipherUpdate(context, nullptr, &size, job.header, kDataHeaderSize) != 1) return false;
    if (job.text_size > 0 && EVP_CipherUpdate(context, job.text, &size, job.text,
                                              static_cast<int>(job.text_size)) != 1) {
      return false;
    }
    uint8_t none[EVP_MAX_BLOCK_LENGTH];
    if (EVP_CipherFinal_ex(context, none, &size) != 1) return false;
    return direction == Direction::kOpen ||
           EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, kTagSize, tag) == 1;
  }

  Contexts aes_;
  Contexts chacha_;
  uint64_t ended_ = 0;  // keys, when it was looked last
};

}  // namespace

std::unique_ptr<AeadEngine> MakeOpensslEngine() {
  auto engine = std::make_unique<OpensslEngine>();
  if (!engine->good()) return nullptr;
  return engine;
}

}  // namespace warp::wire

#else

namespace warp::wire {

std::unique_ptr<AeadEngine> MakeOpensslEngine() { return nullptr; }

}  // namespace warp::wire

#endif
