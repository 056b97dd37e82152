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
    : own_(OwnKey(std::move(options.secret_key))),
      old_keys_for_(options.old_keys_for),
      wall_clock_(std::move(options.wall_clock)),
      ciphers_(options.ciphers.empty() ? wire::SupportedCiphers() : std::move(options.ciphers)),
      engine_(options.engine != nullptr ? std::move(options.engine)
                                        : wire::MakeEngineFor(ciphers_)),
      timers_(options.timers),
      introduction_(Introduce(options.features)),
      random_(options.seed) {}

const KeySuccession<OwnKey>::Entry* Identity::FindOwn(const wire::PublicKey& key) const {
  for (const auto& entry : own_.entries()) {
    if (entry.key.public_key() == key) return &entry;
  }
  return nullptr;
}

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

Duration Identity::Upto(Duration most) {
  return Duration(std::uniform_int_distribution<Duration::rep>(0, most.count())(random_));
}

}  // namespace warp::protocol
