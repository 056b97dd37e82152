// Pushes that nodes have not acknowledged yet. A push is a fact (this node should hear of that key) and not a message:
// what it says is looked up each time it is sent, so that it always tells the newest.
//
// Pushes are charged to the network (network.h) of the key that they are about, because its node causes them. Networks
// take turns in sending, at a rate that all of them share, and where there is no room the network that has most pushes
// loses one.
#ifndef WARP_MAP_SERVER_REGISTRY_PUSH_QUEUE_H_
#define WARP_MAP_SERVER_REGISTRY_PUSH_QUEUE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "control/protocol/map/map_message.h"
#include "dataplane/wire/time.h"
#include "map-server/constants.h"
#include "map-server/network.h"
#include "map-server/registry/fair_queue.h"

namespace warp::map {

class PushQueue {
 public:
  struct Limits {
    size_t pushes = kMaxPushes;
    size_t pushes_per_key = kMaxPushesPerKey;
    uint32_t burst = kPushBurst;
    uint32_t per_second = kPushesPerSecond;
  };
  explicit PushQueue(const Limits& limits)
      : limits_(limits), ready_(limits.burst, limits.per_second) {}

  // From now on `to` hears of `about` until it acknowledges, at the cost of `network`. An acknowledgement of an older
  // push of the same pair no longer counts. Returns the node that is left without a push for want of room: `to`, or
  // another one whose push made room.
  std::optional<protocol::KeyId> Add(wire::Instant now, const protocol::KeyId& to,
                                     const protocol::KeyId& about, Network network);

  // False where `from` has no such push: the acknowledgement is late, repeated or invented.
  bool Acknowledge(const protocol::KeyId& from, uint32_t id);

  struct Due {
    uint32_t id = 0;
    protocol::KeyId to;
    protocol::KeyId about;
    int attempt = 0;  // 0 for the first
    bool last = false;
  };
  // A push to send now; nullopt where nothing is due, or the rate is used up. It is scheduled again, or forgotten after
  // the last time.
  std::optional<Due> NextDue(wire::Instant now);
  wire::Instant NextTimeout() const;  // kNever for never

  size_t size() const { return pushes_.size(); }

 private:
  using Pair = std::pair<protocol::KeyId, protocol::KeyId>;  // to, about
  struct Push {
    uint32_t id = 0;
    int attempt = 0;
    bool ready = false;  // in ready_, otherwise in timers_
    wire::Instant due;   // in timers_
    Network network = 0;
    size_t place = 0;  // in by_network_
  };
  using Pushes = absl::flat_hash_map<Pair, Push>;

  bool MakeRoom(Network network, std::optional<protocol::KeyId>* victim);
  void SetShare(Network network, size_t before, size_t now);
  void Schedule(const Pair& pair, Push& push, wire::Instant due);
  void Erase(Pushes::iterator it);

  const Limits limits_;
  uint32_t next_id_ = 1;
  Pushes pushes_;
  absl::flat_hash_map<uint32_t, Pair> by_id_;
  absl::flat_hash_map<protocol::KeyId, uint32_t> per_key_;
  absl::flat_hash_map<Network, std::vector<Pair>> by_network_;
  std::set<std::pair<size_t, Network>> shares_;  // how many pushes each network has
  std::set<std::pair<wire::Instant, Pair>> timers_;
  // Pushes whose time has come, and some that have ended since.
  FairQueue<Pair> ready_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_REGISTRY_PUSH_QUEUE_H_
