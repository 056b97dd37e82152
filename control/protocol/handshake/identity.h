// Who this process is, and what all of its associations share: its keys, its ciphers, its timers, and the source of
// probe numbers and jitter. Receiver indices are SessionTable's.
//
// A node that changes its key has the one of before for a while as well, for those who do not know the newest yet. All
// else of it stays as it is: it is the same node.
#ifndef WARP_CONTROL_PROTOCOL_HANDSHAKE_IDENTITY_H_
#define WARP_CONTROL_PROTOCOL_HANDSHAKE_IDENTITY_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "control/protocol/constants.h"
#include "control/protocol/handshake/key_succession.h"
#include "dataplane/wire/crypto/aead.h"
#include "dataplane/wire/crypto/keys.h"
#include "dataplane/wire/handshake/handshake_mac.h"
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
                      wire::kFeatureLimits | wire::kFeatureFlows | wire::kFeaturePortsDown;
  Timers timers;
  // So long a key that has a successor serves those who do not know that.
  Duration old_keys_for = kOldKeysFor;
};

// A key of ours, and what those who know it make of it.
struct OwnKey {
  explicit OwnKey(wire::SecretKey secret)
      : pair(std::move(secret)),
        mac1_key(wire::Mac1Key(pair.public_key())),
        cookie_seal_key(wire::CookieSealKey(pair.public_key())) {}
  const wire::PublicKey& public_key() const { return pair.public_key(); }

  wire::KeyPair pair;
  wire::MacKey mac1_key;         // of messages to it
  wire::MacKey cookie_seal_key;  // of cookie replies from it
};
inline bool SameKey(const OwnKey& a, const OwnKey& b) { return a.public_key() == b.public_key(); }

// Belongs to one thread. Associations refer to it, so it outlives them and is neither copied nor moved.
class Identity {
 public:
  explicit Identity(IdentityOptions options);
  Identity(const Identity&) = delete;
  Identity& operator=(const Identity&) = delete;

  // The newest.
  const wire::KeyPair& keys() const { return own_.newest().key.pair; }
  const wire::PublicKey& public_key() const { return keys().public_key(); }
  // All that serve. Addresses of entries are valid until it changes; nobody keeps a copy of a secret longer than a
  // handshake lasts.
  KeySuccession<OwnKey>& own() { return own_; }
  const KeySuccession<OwnKey>& own() const { return own_; }
  // nullptr: it is none of ours.
  const KeySuccession<OwnKey>::Entry* FindOwn(const wire::PublicKey& key) const;
  Duration old_keys_for() const { return old_keys_for_; }
  void set_old_keys_for(Duration time) { old_keys_for_ = time; }

  const std::vector<wire::Cipher>& ciphers() const { return ciphers_; }
  wire::AeadEngine& engine() { return *engine_; }
  // As they are now. Who arms a timer by one of them is told when they change (Node::Retune).
  const Timers& timers() const { return timers_; }
  void set_timers(const Timers& timers) { timers_ = timers; }
  // What a remote in this role is told of us. Maps are told nothing, because they have no use for it.
  wire::Introduction IntroductionTo(wire::Role role) const {
    return role == wire::Role::kPeer ? introduction_ : wire::Introduction{};
  }

  // The wall clock's time, but always greater than the value given last: a probe's number must grow even while the
  // clock stands still or goes back.
  uint64_t NextTimestamp();

  // A random duration between 80 % and 120 % of `nominal`.
  Duration Jitter(Duration nominal);
  // A random duration up to `most`, each as likely as any other.
  Duration Upto(Duration most);

 private:
  KeySuccession<OwnKey> own_;
  Duration old_keys_for_;
  const std::function<uint64_t()> wall_clock_;
  const std::vector<wire::Cipher> ciphers_;
  const std::shared_ptr<wire::AeadEngine> engine_;
  Timers timers_;
  const wire::Introduction introduction_;
  std::mt19937_64 random_;
  uint64_t last_timestamp_ = 0;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_HANDSHAKE_IDENTITY_H_
