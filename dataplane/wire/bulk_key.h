// What the engines keep of a bulk key. Included by the engines alone.
#ifndef WARP_DATAPLANE_WIRE_BULK_KEY_H_
#define WARP_DATAPLANE_WIRE_BULK_KEY_H_

#include <sodium.h>

#include <array>
#include <memory>

#include "dataplane/wire/aead.h"
#include "dataplane/wire/byte_order.h"
#ifdef WARP_HAVE_IPSEC_MB
#include <intel-ipsec-mb.h>
#endif

namespace warp::wire {

// AES-256-GCM, expanded for each engine. Apart from the rest, because it takes some 2 KiB that
// ChaCha20 sessions (a map has many) do without.
struct AesSchedule {
  explicit AesSchedule(const SymmetricKey& key);
  ~AesSchedule() { sodium_memzero(this, sizeof *this); }

  crypto_aead_aes256gcm_state sodium;
#ifdef WARP_HAVE_IPSEC_MB
  gcm_key_data ipsec_mb;
#endif
};

struct BulkKey::Schedule {
  std::array<uint8_t, kKeySize> chacha{};
  std::unique_ptr<AesSchedule> aes;  // null where the cipher is ChaCha20, or the machine lacks AES
};

// 32 zero bits and the counter, little endian: 12 bytes, of AES-GCM and ChaCha20-Poly1305 alike.
struct Nonce {
  explicit Nonce(uint64_t number) : counter(number) {}
  Le32 zero;
  Le64 counter;
  const uint8_t* data() const { return reinterpret_cast<const uint8_t*>(this); }
};
static_assert(sizeof(Nonce) == 12);

// Whether this CPU runs AES-GCM in hardware.
bool HaveAes();

std::unique_ptr<AeadEngine> MakeSodiumEngine();
// Null where this build or CPU lacks it.
std::unique_ptr<AeadEngine> MakeIpsecMbEngine();
#ifdef WARP_HAVE_IPSEC_MB
// Expands a key for every ipsec-mb engine of the process.
void ExpandIpsecMbKey(const SymmetricKey& key, gcm_key_data* out);
#endif

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_BULK_KEY_H_
