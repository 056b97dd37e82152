// Chooses the peer that a node looks up next at one map.
#ifndef WARP_CONTROL_PROTOCOL_MAP_MAP_LOOKUPS_H_
#define WARP_CONTROL_PROTOCOL_MAP_MAP_LOOKUPS_H_

#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "control/protocol/constants.h"
#include "control/protocol/handshake/identity.h"
#include "control/protocol/map/map_message.h"
#include "dataplane/wire/crypto/keys.h"

namespace warp::protocol {

// The place of a message in the order in which the remote end sealed all messages: (session order, counter).
using MessageOrder = std::pair<uint64_t, uint64_t>;

// How long a request that was sent `tries` times before waits for its answer, which takes `retry` at least. The first
// ones wait as long as that needs. After these the map is not there, and all who miss it spread themselves.
inline Duration MapWait(Identity& identity, Duration retry, int tries) {
  const Duration wait =
      std::min<Duration>(retry * (int64_t{1} << std::min(tries, 10)), kMapRetryMax);
  return tries < kMapSilentRequests ? identity.Jitter(wait) : identity.Upto(wait);
}

class MapLookups {
 public:
  // `identity` gives the jitter, and outlives this.
  explicit MapLookups(Identity& identity) : identity_(identity) {}

  void SetPeers(Instant now, std::span<const wire::PublicKey> peers);
  // All peers are due at once: the session is new, so we may have missed pushes.
  void Restart(Instant now);
  // As soon as it was not asked for within kMapLookUpAgain.
  void LookUpAgain(Instant now, const wire::PublicKey& peer);
  void LookUpAllAgain(Instant now);

  // Returns whom to look up now, or nullopt if nobody is due. `retry` is how long to wait for the first answer.
  struct Due {
    uint64_t request = 0;
    wire::PublicKey key;
    int tries = 0;  // without an answer so far
  };
  std::optional<Due> NextDue(Instant now, Duration retry);
  // Since when the map says endpoints of the peer; nullopt: it says none.
  std::optional<Instant> KnownSince(const wire::PublicKey& key) const {
    const auto it = peers_.find(key);
    return it == peers_.end() ? std::nullopt : it->second.known_since;
  }
  Instant NextTimeout() const { return timers_.empty() ? kNever : timers_.begin()->first; }

  enum class Verdict : uint8_t {
    kNews,     // use the endpoints
    kNothing,  // there are none: whatever was known stays
    kOld,      // something later about this peer was heard already
    kUnknown,  // the key is not that of a peer
  };
  // An answer or push about `key`, with `count` endpoints.
  Verdict HandleAnswer(Instant now, const wire::PublicKey& key, MessageOrder order, size_t count);

 private:
  struct Peer {
    Instant next{};
    std::optional<Instant> last_sent;
    int tries = 0;
    bool again = false;  // asked for since last_sent, so an answer to that does not put it off
    MessageOrder heard{};
    std::optional<Instant> known_since;
  };

  void Schedule(const wire::PublicKey& key, Peer& peer, Instant next);

  Identity& identity_;
  absl::flat_hash_map<wire::PublicKey, Peer> peers_;
  std::set<std::pair<Instant, wire::PublicKey>> timers_;  // one for each peer
  uint64_t next_request_ = 1;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_MAP_MAP_LOOKUPS_H_
