// The forms in which the engines keep a bulk key. Only the engines include this.
#ifndef WARP_DATAPLANE_WIRE_CRYPTO_BULK_KEY_H_
#define WARP_DATAPLANE_WIRE_CRYPTO_BULK_KEY_H_

#include <sodium.h>

#include <array>
#include <bit>
#include <memory>

#include "dataplane/wire/byte_order.h"
#include "dataplane/wire/crypto/aead.h"
#ifdef WARP_HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

namespace warp::wire {

// AES-256-GCM, expanded for each engine. It has a structure of its own because it takes some 2 KiB, which the many
// ChaCha20 sessions of a map do without.
struct AesSchedule {
  explicit AesSchedule(const SymmetricKey& key);
  ~AesSchedule() { sodium_memzero(this, sizeof(*this)); }

  crypto_aead_aes256gcm_state sodium;
#ifdef WARP_HAVE_IPSEC_MB
  gcm_key_data ipsec_mb;
#endif
};

struct BulkKey::Schedule {
  uint64_t number = 0;  // no two keys of a process have the same; from 1
  std::array<uint8_t, kKeySize> key{};
  std::unique_ptr<AesSchedule> aes;  // null where the cipher is ChaCha20, or the machine lacks AES
};

// 32 zero bits and the counter, little endian: 12 bytes, for AES-GCM and ChaCha20-Poly1305 alike. The nonce is written
// by one 16-byte store, because ipsec-mb reads it by one 16-byte load. Two smaller stores could not be forwarded to
// that load: 15 ns of each packet (docs/decisions.md, *store forwarding*).
class Nonce {
 public:
  static constexpr size_t kSize = 12;

  explicit Nonce(uint64_t counter)
      : words_{std::bit_cast<uint64_t>(Le64(counter << 32)),
               std::bit_cast<uint64_t>(Le64(counter >> 32))} {}
  const uint8_t* data() const { return reinterpret_cast<const uint8_t*>(&words_); }

 private:
  typedef uint64_t Words __attribute__((vector_size(16)));
  const Words words_;
};

// How many keys have ended in this process. An engine that keeps something of keys forgets it when there are more than
// before. Any thread.
uint64_t KeysEnded();

// Returns whether this CPU has instructions for AES-GCM, and whether libsodium uses them: it does on x86-64 alone.
bool HaveAes();
bool SodiumHasAes();

std::unique_ptr<AeadEngine> MakeSodiumEngine();
// Null where this build or CPU lacks it.
std::unique_ptr<AeadEngine> MakeIpsecMbEngine();
std::unique_ptr<AeadEngine> MakeOpensslEngine();
#ifdef WARP_HAVE_IPSEC_MB
// Expands a key for every ipsec-mb engine of the process.
void ExpandIpsecMbKey(const SymmetricKey& key, gcm_key_data* out);
#endif

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_CRYPTO_BULK_KEY_H_
