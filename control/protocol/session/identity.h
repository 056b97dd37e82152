// What all associations of one process share: who we are, and where randomness, ciphers and indices
// come from.
#ifndef WARP_CONTROL_PROTOCOL_SESSION_IDENTITY_H_
#define WARP_CONTROL_PROTOCOL_SESSION_IDENTITY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <vector>

#include "control/protocol/constants.h"
#include "control/protocol/session/session_table.h"
#include "dataplane/wire/crypto/aead.h"
#include "dataplane/wire/crypto/keys.h"

namespace warp::protocol {

struct LocalOptions {
  wire::SecretKey secret_key;
  // Nanoseconds since 1970, or whatever the machine believes: a hint for the handshake's timestamp
  // (it may jump, and be decades behind). Called for each handshake and probe.
  std::function<uint64_t()> wall_clock;
  std::vector<wire::Cipher> ciphers = {};    // best first; empty: wire::SupportedCiphers()
  std::shared_ptr<wire::AeadEngine> engine;  // of this thread; null: wire::MakeEngine(kSodium)
  uint64_t seed = 0;  // of jitter alone; keys, indices and challenges are always random
  Timers timers;
  size_t max_slots = size_t{1} << 16;  // of the session table
};

// One thread's. Outlives the associations that refer to it; neither copied nor moved.
class Local {
 public:
  explicit Local(LocalOptions options);
  Local(const Local&) = delete;
  Local& operator=(const Local&) = delete;

  const wire::KeyPair& keys() const { return keys_; }
  const wire::PublicKey& public_key() const { return keys_.public_key(); }
  const std::vector<wire::Cipher>& ciphers() const { return ciphers_; }
  wire::AeadEngine& engine() { return *engine_; }
  SessionTable& sessions() { return sessions_; }
  const SessionTable& sessions() const { return sessions_; }
  const Timers& timers() const { return timers_; }

  // For an initiation, and as number of a probe: the wall clock's time, but always greater than the last one.
  uint64_t NextTimestamp();

  // A random duration between 80 % and 120 % of `nominal`.
  Duration Jitter(Duration nominal);

 private:
  const wire::KeyPair keys_;
  const std::function<uint64_t()> wall_clock_;
  const std::vector<wire::Cipher> ciphers_;
  const std::shared_ptr<wire::AeadEngine> engine_;
  const Timers timers_;
  SessionTable sessions_;
  std::mt19937_64 random_;
  uint64_t last_timestamp_ = 0;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_SESSION_IDENTITY_H_
