// Pushes that nodes have not acknowledged yet. A push is a fact (this node should hear of that key) and not a message:
// what it says is looked up each time it is sent, so that it always tells the newest.
//
// Pushes are charged to the network (network.h) of the key that they are about, because its node causes them. Networks
// take turns in sending, at a rate that all of them share, and where there is no room the network that has most pushes
// loses one.
#ifndef WARP_MAP_SERVER_REGISTRY_PUSH_QUEUE_H_
#define WARP_MAP_SERVER_REGISTRY_PUSH_QUEUE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "control/protocol/map/key_id.h"
#include "dataplane/wire/time.h"
#include "map-server/constants.h"
#include "map-server/flat/id_index.h"
#include "map-server/flat/id_list.h"
#include "map-server/flat/rank_order.h"
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
  explicit PushQueue(const Limits& limits);

  // From now on `to` hears of `about` until it acknowledges, at the cost of `network`. An acknowledgement of an older
  // push of the same pair no longer counts. Returns the node that is left without a push for want of room: `to`, or
  // another one whose push made room.
  std::optional<protocol::KeyId> Add(const protocol::KeyId& to, const protocol::KeyId& about,
                                     Network network);

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
  struct Pair {
    protocol::KeyId to;
    protocol::KeyId about;
    friend bool operator==(const Pair&, const Pair&) = default;
  };
  struct Push {
    Pair pair;
    uint32_t id = 0;
    bool ready =
        false;  // it waits in ready_ for its turn; otherwise in waits_ for the time of its next attempt
    uint8_t attempt = 0;  // the next one
    wire::Instant due;    // in waits_
    Id reader = kNoId;
    Id share = kNoId;
    Links waiting;
    Links in_share;
  };
  // How many pushes wait for one key.
  struct Reader {
    protocol::KeyId key;
    uint32_t pushes = 0;
  };
  // What one network has here.
  struct Share {
    Network network = 0;
    size_t size = 0;
    IdList<Push, &Push::in_share> pushes;  // the newest last
    Links rank;
  };

  Id Make(const Pair& pair, Network network, std::optional<protocol::KeyId>* victim);
  bool MakeRoom(Network network, std::optional<protocol::KeyId>* victim);
  void Resize(Id share, size_t size);
  // Takes it out of where it waits.
  void Unschedule(Id push);
  void Erase(Id push);

  const Limits limits_;
  uint32_t next_id_ = 1;
  Slab<Push> pushes_;
  IdIndex<Push, Pair, &Push::pair> by_pair_;
  IdIndex<Push, uint32_t, &Push::id> by_id_;
  Slab<Reader> readers_;
  IdIndex<Reader, protocol::KeyId, &Reader::key> by_reader_;
  Slab<Share> shares_;
  IdIndex<Share, Network, &Share::network> by_network_;
  RankOrder<Share, &Share::rank> most_;  // by their sizes
  // Those that wait for their second attempt, their third, and so on. All of a list wait equally long, so the one that
  // waits longest is the first.
  std::array<IdList<Push, &Push::waiting>, kPushAttempts> waits_;
  FairQueue<Push, &Push::waiting> ready_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_REGISTRY_PUSH_QUEUE_H_
