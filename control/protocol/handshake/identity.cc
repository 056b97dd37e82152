#include "control/protocol/handshake/identity.h"

#include <sodium.h>

#include <algorithm>
#include <utility>

namespace warp::protocol {
namespace {

// Without a feature there is nothing that a life would say.
wire::Introduction Introduce(uint32_t features) {
  if (features == 0) return {};
  return {.features = features, .life = 1 + randombytes_uniform(UINT32_MAX)};
}

}  // namespace

Identity::Identity(IdentityOptions options)
    : keys_(std::move(options.secret_key)),
      wall_clock_(std::move(options.wall_clock)),
      ciphers_(options.ciphers.empty() ? wire::SupportedCiphers() : std::move(options.ciphers)),
      engine_(options.engine != nullptr ? std::move(options.engine)
                                        : wire::MakeEngineFor(ciphers_)),
      timers_(options.timers),
      introduction_(Introduce(options.features)),
      random_(options.seed) {}

uint64_t Identity::NextTimestamp() {
  const uint64_t wall = wall_clock_ ? wall_clock_() : 0;
  last_timestamp_ = std::max(last_timestamp_ + 1, wall);
  return last_timestamp_;
}

Duration Identity::Jitter(Duration nominal) {
  std::uniform_real_distribution<double> factor(0.8, 1.2);
  return Duration(
      static_cast<Duration::rep>(static_cast<double>(nominal.count()) * factor(random_)));
}

}  // namespace warp::protocol
