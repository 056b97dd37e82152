// Pushes that nodes have not acknowledged yet. A push is a fact (this node should hear of that key) and not a message:
// what it says is looked up each time it is sent, so that it always tells the newest.
#ifndef WARP_MAP_SERVER_REGISTRY_PUSH_QUEUE_H_
#define WARP_MAP_SERVER_REGISTRY_PUSH_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "control/protocol/map/map_message.h"
#include "dataplane/wire/time.h"
#include "map-server/constants.h"

namespace warp::map {

class PushQueue {
 public:
  struct Limits {
    size_t pushes = kMaxPushes;
    size_t pushes_per_key = kMaxPushesPerKey;
  };
  explicit PushQueue(const Limits& limits) : limits_(limits) {}

  // From now on `to` hears of `about` until it acknowledges. An older push of the same pair is replaced, and its
  // acknowledgement no longer counts. Returns false if there is no room.
  bool Add(wire::Instant now, const protocol::KeyId& to, const protocol::KeyId& about);

  // False where `from` has no such push: the acknowledgement is late, repeated or invented.
  bool Acknowledge(const protocol::KeyId& from, uint32_t id);

  struct Due {
    uint32_t id = 0;
    protocol::KeyId to;
    protocol::KeyId about;
    int attempt = 0;  // 0 for the first
    bool last = false;
  };
  // A push to send now; nullopt where nothing is due. Its next repetition is scheduled, or it is forgotten after the
  // last.
  std::optional<Due> NextDue(wire::Instant now);
  wire::Instant NextTimeout() const;  // kNever for never

  size_t size() const { return pushes_.size(); }

 private:
  using Pair = std::pair<protocol::KeyId, protocol::KeyId>;  // to, about
  struct Push {
    Pair pair;
    int attempt = 0;
    wire::Instant due;
  };
  void Erase(uint32_t id);

  const Limits limits_;
  uint32_t next_id_ = 1;
  absl::flat_hash_map<uint32_t, Push> pushes_;
  absl::flat_hash_map<Pair, uint32_t> by_pair_;
  absl::flat_hash_map<protocol::KeyId, uint32_t> per_key_;
  std::set<std::pair<wire::Instant, uint32_t>> timers_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_REGISTRY_PUSH_QUEUE_H_
