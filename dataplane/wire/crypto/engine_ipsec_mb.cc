// The fast engine: Intel's multi-buffer library, on CPUs with AES-NI. Its direct calls give the tag as it should be and
// leave the comparison to the caller.
#include "dataplane/wire/crypto/bulk_key.h"
#include "dataplane/wire/crypto/immediate_engine.h"

#ifdef WARP_HAVE_IPSEC_MB

namespace warp::wire {

namespace {

struct FreeManager {
  void operator()(IMB_MGR* manager) const { free_mb_mgr(manager); }
};
using Manager = std::unique_ptr<IMB_MGR, FreeManager>;

// Null where the CPU has no AES: the library would emulate it, slowly and not in constant time.
Manager MakeManager() {
  if (!HaveAes()) return nullptr;
  Manager manager(alloc_mb_mgr(0));
  if (manager == nullptr) return nullptr;
  init_mb_mgr_auto(manager.get(), nullptr);
  if (imb_get_errno(manager.get()) != 0) return nullptr;
  return manager;
}

// Compares in constant time: no branch, no early end. sodium_memcmp goes byte by byte, which takes some 15 ns more.
bool EqualTags(const uint8_t* a, const uint8_t* b) {
  const auto first = ReadAs<Le64>(a).value() ^ ReadAs<Le64>(b).value();
  const auto second = ReadAs<Le64>(a + 8).value() ^ ReadAs<Le64>(b + 8).value();
  return (first | second) == 0;
}

class IpsecMbEngine : public ImmediateEngine {
 public:
  explicit IpsecMbEngine(Manager manager) : manager_(std::move(manager)) {}
  absl::string_view name() const override { return "ipsec-mb"; }

 protected:
  void Run(Direction direction, std::span<AeadJob> jobs) override {
    if (direction == Direction::kSeal) {
      for (AeadJob& job : jobs) Apply(Direction::kSeal, job, job.text + job.text_size);
      return;
    }
    for (AeadJob& job : jobs) {
      alignas(16) std::array<uint8_t, kTagSize> tag;
      job.authentic = Apply(Direction::kOpen, job, tag.data()) &&
                      EqualTags(tag.data(), job.text + job.text_size);
      if (!job.authentic) [[unlikely]]
        sodium_memzero(job.text, job.text_size);
    }
  }

 private:
  // Encrypts or decrypts, and writes the tag as it should be. False where this machine has no AES for the key. Inline,
  // so that each direction gets a loop of its own around the library's call.
  [[gnu::always_inline]] bool Apply(Direction direction, AeadJob& job, uint8_t* tag) {
    const Nonce nonce(job.counter);
    const BulkKey::Schedule& schedule = job.key->schedule();
    if (job.key->cipher() == Cipher::kChaCha20Poly1305) {
      ApplyChaCha(direction, job, nonce, schedule.key.data(), tag);
      return true;
    }
    if (schedule.aes == nullptr) [[unlikely]] {
      sodium_memzero(job.text, job.text_size + kTagSize);  // never send it in clear
      return false;
    }
    const auto apply = direction == Direction::kSeal ? manager_->gcm256_enc : manager_->gcm256_dec;
    apply(&schedule.aes->ipsec_mb, &gcm_context_, job.text, job.text, job.text_size, nonce.data(),
          job.header, kDataHeaderSize, tag, kTagSize);
    return true;
  }

  void ApplyChaCha(Direction direction, AeadJob& job, const Nonce& nonce, const uint8_t* key,
                   uint8_t* tag) {
    const bool seal = direction == Direction::kSeal;
    IMB_JOB* const work = IMB_GET_NEXT_JOB(manager_.get());
    work->cipher_direction = seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
    work->chain_order = seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
    work->cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
    work->hash_alg = IMB_AUTH_CHACHA20_POLY1305;
    work->enc_keys = key;
    work->dec_keys = key;
    work->key_len_in_bytes = kKeySize;
    work->src = job.text;
    work->dst = job.text;
    work->cipher_start_src_offset_in_bytes = 0;
    work->msg_len_to_cipher_in_bytes = job.text_size;
    work->hash_start_src_offset_in_bytes = 0;
    work->msg_len_to_hash_in_bytes = job.text_size;
    work->iv = nonce.data();
    work->iv_len_in_bytes = Nonce::kSize;
    work->auth_tag_output = tag;
    work->auth_tag_output_len_in_bytes = kTagSize;
    work->u.CHACHA20_POLY1305.aad = job.header;
    work->u.CHACHA20_POLY1305.aad_len_in_bytes = kDataHeaderSize;
    // This algorithm completes at once. The flush covers a version of the library that gathers jobs first.
    if (IMB_SUBMIT_JOB_NOCHECK(manager_.get()) == nullptr) {
      while (IMB_FLUSH_JOB(manager_.get()) != nullptr) {
      }
    }
  }

  const Manager manager_;
  gcm_context_data gcm_context_{};
};

}  // namespace

std::unique_ptr<AeadEngine> MakeIpsecMbEngine() {
  Manager manager = MakeManager();
  if (manager == nullptr) return nullptr;
  return std::make_unique<IpsecMbEngine>(std::move(manager));
}

void ExpandIpsecMbKey(const SymmetricKey& key, gcm_key_data* out) {
  // All managers of a process choose the same code, so that each can use what one of them expanded. Expanding changes
  // nothing in the manager, so any thread may do it.
  static const Manager* const manager = new Manager(MakeManager());
  if (*manager != nullptr) IMB_AES256_GCM_PRE(manager->get(), key.bytes().data(), out);
}

}  // namespace warp::wire

#else

namespace warp::wire {

std::unique_ptr<AeadEngine> MakeIpsecMbEngine() { return nullptr; }

}  // namespace warp::wire

#endif
