// Who this process is, and what all of its associations share: its key, its ciphers, its timers, and the source of
// probe numbers and jitter. Receiver indices are SessionTable's.
#ifndef WARP_CONTROL_PROTOCOL_HANDSHAKE_IDENTITY_H_
#define WARP_CONTROL_PROTOCOL_HANDSHAKE_IDENTITY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "control/protocol/constants.h"
#include "dataplane/wire/crypto/aead.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/handshake/handshake_message.h"
#include "dataplane/wire/handshake/introduction.h"

namespace warp::protocol {

struct IdentityOptions {
  wire::SecretKey secret_key;
  // Nanoseconds since 1970 as the machine believes them. Probe numbers begin there, so that those of a restarted node
  // are likely to be higher than before; nothing else depends on it, because it may jump and may be decades behind.
  std::function<uint64_t()> wall_clock;
  std::vector<wire::Cipher> ciphers = {};    // best first; empty: wire::SupportedCiphers()
  std::shared_ptr<wire::AeadEngine> engine;  // of this thread; null: one for `ciphers`
  uint64_t seed = 0;  // of jitter alone; keys, indices and challenges are always random
  // What peers are told that we understand; bits of wire::Feature. Tests take some away.
  uint32_t features = wire::kFeatureFeedback | wire::kFeatureSequenced | wire::kFeatureParity |
                      wire::kFeatureLimits | wire::kFeatureFlows;
  Timers timers;
};

// Belongs to one thread. Associations refer to it, so it outlives them and is neither copied nor moved.
class Identity {
 public:
  explicit Identity(IdentityOptions options);
  Identity(const Identity&) = delete;
  Identity& operator=(const Identity&) = delete;

  const wire::KeyPair& keys() const { return keys_; }
  const wire::PublicKey& public_key() const { return keys_.public_key(); }
  const std::vector<wire::Cipher>& ciphers() const { return ciphers_; }
  wire::AeadEngine& engine() { return *engine_; }
  const Timers& timers() const { return timers_; }
  // What a remote in this role is told of us. Maps are told nothing, because they have no use for it.
  wire::Introduction IntroductionTo(wire::Role role) const {
    return role == wire::Role::kPeer ? introduction_ : wire::Introduction{};
  }

  // The wall clock's time, but always greater than the value given last: a probe's number must grow even while the
  // clock stands still or goes back.
  uint64_t NextTimestamp();

  // A random duration between 80 % and 120 % of `nominal`.
  Duration Jitter(Duration nominal);

 private:
  const wire::KeyPair keys_;
  const std::function<uint64_t()> wall_clock_;
  const std::vector<wire::Cipher> ciphers_;
  const std::shared_ptr<wire::AeadEngine> engine_;
  const Timers timers_;
  const wire::Introduction introduction_;
  std::mt19937_64 random_;
  uint64_t last_timestamp_ = 0;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_HANDSHAKE_IDENTITY_H_
