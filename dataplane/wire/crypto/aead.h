// The bulk ciphers behind one interface: submit a burst of jobs, collect those that are done.
//
// An engine belongs to one thread. The engines here (libsodium, OpenSSL, Intel ipsec-mb) finish a job before Submit
// returns. A look-aside device (dataplane/lcore/crypto/engine_cryptodev.h) does not, so callers always collect. What
// one engine sealed, every other opens.
#ifndef WARP_DATAPLANE_WIRE_CRYPTO_AEAD_H_
#define WARP_DATAPLANE_WIRE_CRYPTO_AEAD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "dataplane/wire/constants.h"
#include "dataplane/wire/crypto/keys.h"

namespace warp::wire {

// The values are those of the handshake's cipher offer.
enum class Cipher : uint8_t {
  kAes256Gcm = 1,         // NIST SP 800-38D
  kChaCha20Poly1305 = 2,  // RFC 8439
};
absl::string_view CipherName(Cipher cipher);  // "aes-256-gcm", "chacha20-poly1305"

enum class EngineKind : uint8_t { kAuto, kIpsecMb, kSodium, kCryptodev, kOpenssl };

// The ciphers that this machine runs fast enough with this engine, best first; never empty. A handshake offers these.
std::vector<Cipher> SupportedCiphers(EngineKind engine = EngineKind::kAuto);

// What a device keeps of a key. It is made and destroyed with the key, on the key's thread.
class DeviceKey {
 public:
  virtual ~DeviceKey() = default;
};
class KeyDevice {
 public:
  virtual ~KeyDevice() = default;
  // Null where the device cannot take the key; the engine then works on the CPU.
  virtual std::unique_ptr<DeviceKey> Expand(Cipher cipher, const SymmetricKey& key) = 0;
};
// Keys that are made from now on are given to this device as well; null stands for no device. Control thread.
void SetKeyDevice(KeyDevice* device);

// One direction's key, expanded once for all engines that this machine has. It is immutable and shared by all threads,
// and wipes itself.
class BulkKey {
 public:
  BulkKey(Cipher cipher, const SymmetricKey& key);
  ~BulkKey();
  BulkKey(const BulkKey&) = delete;
  BulkKey& operator=(const BulkKey&) = delete;

  Cipher cipher() const { return cipher_; }

  // The form into which the engines have expanded the key; defined in bulk_key.h.
  struct Schedule;
  const Schedule& schedule() const { return *schedule_; }
  const DeviceKey* device_key() const { return device_key_.get(); }

 private:
  const Cipher cipher_;
  Schedule* const schedule_;
  const std::unique_ptr<DeviceKey> device_key_;
};

enum class Direction : uint8_t { kSeal, kOpen };

// One message, in place: `header` (kDataHeaderSize bytes) is authenticated, `text` is encrypted or decrypted, and the
// tag stands right behind the text: read when opening, written when sealing.
struct AeadJob {
  const BulkKey* key = nullptr;
  uint64_t counter = 0;
  const uint8_t* header = nullptr;
  uint8_t* text = nullptr;
  uint32_t text_size = 0;  // without the tag
  // Set by an open: the tag was right. Where it was not, `text` holds nothing of use.
  bool authentic = false;
};

class AeadEngine {
 public:
  virtual ~AeadEngine() = default;
  virtual absl::string_view name() const = 0;

  // Takes jobs from the front and returns how many: fewer than all only when the engine's queue is full. The caller
  // leaves the jobs where they are and as they are until they are collected. Jobs of one burst may have different keys.
  virtual size_t Submit(Direction direction, std::span<AeadJob> jobs) = 0;

  // Moves up to done.size() finished jobs out, in the order of submission; returns how many.
  virtual size_t Collect(std::span<AeadJob*> done) = 0;
};

// Those that MakeEngine knows, but for kAuto, in the order in which kAuto prefers them unmeasured.
inline constexpr EngineKind kEngines[] = {EngineKind::kIpsecMb, EngineKind::kOpenssl,
                                          EngineKind::kSodium};

// Unavailable when this build or CPU lacks the engine asked for; kAuto always succeeds. kCryptodev is Unavailable here,
// because only the dataplane can make it (dataplane/lcore/crypto/crypto_device.h).
absl::StatusOr<std::unique_ptr<AeadEngine>> MakeEngine(EngineKind kind);

// An engine that has all of these ciphers, for whoever seals a message now and then: of those that have them, the one
// that costs least to make. `ciphers` are among those that SupportedCiphers returns for some kind.
std::unique_ptr<AeadEngine> MakeEngineFor(std::span<const Cipher> ciphers);

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_CRYPTO_AEAD_H_
