// The engine of one worker that seals and opens by a crypto device: jobs go to a queue pair of it, and come back in the
// order in which they went. What the device cannot do (a cipher that it lacks, no session left, an empty text) is done
// by the CPU, so that every node still talks to every other, and a device that is full slows its worker down and fails
// nothing.
//
// When it opens, the device compares the tag, since DPDK has no call that returns the computed one (docs/decisions.md).
#ifndef WARP_DATAPLANE_LCORE_CRYPTO_ENGINE_CRYPTODEV_H_
#define WARP_DATAPLANE_LCORE_CRYPTO_ENGINE_CRYPTODEV_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/wire/crypto/aead.h"

namespace warp::lcore {

// How many jobs of a worker may be under way, a power of two.
inline constexpr uint16_t kCryptoDepth = 256;

// `name` is what status shows ("cryptodev crypto_aesni_gcm0"), `device` the identifier of a started device, which must
// outlive the engine, and `queue` a queue pair that no other engine uses. Control thread; the engine then belongs to
// its worker. ResourceExhausted where memory for the operations is short.
absl::StatusOr<std::unique_ptr<wire::AeadEngine>> MakeCryptodevEngine(const std::string& name,
                                                                      uint8_t device,
                                                                      uint16_t queue);

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_CRYPTO_ENGINE_CRYPTODEV_H_
