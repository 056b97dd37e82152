// Which engine seals and opens payloads where the configuration leaves that open: which library is fastest depends on
// the CPU, so that each is measured for some milliseconds when the node starts. Control thread, after InitEal.
#ifndef WARP_DATAPLANE_LCORE_CRYPTO_ENGINE_CHOICE_H_
#define WARP_DATAPLANE_LCORE_CRYPTO_ENGINE_CHOICE_H_

#include <span>
#include <string>

#include "dataplane/wire/crypto/aead.h"

namespace warp::lcore {

struct EngineTime {
  wire::EngineKind kind = wire::EngineKind::kSodium;
  std::string name;
  double nanoseconds = 0;  // to seal a payload of 1,420 bytes with the best cipher
};
// The fastest; the first one where others are faster by less than a twentieth, so that chance decides nothing. `times`
// is not empty.
const EngineTime& Fastest(std::span<const EngineTime> times);

struct EngineChoice {
  wire::EngineKind kind = wire::EngineKind::kAuto;
  std::string
      reason;  // "ipsec-mb 151 ns, openssl 480 ns, libsodium 690 ns"; empty where nothing was chosen
};
// `wanted` itself, or for kAuto the fastest of all that this machine has.
EngineChoice ChooseEngine(wire::EngineKind wanted);

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_CRYPTO_ENGINE_CHOICE_H_
