// Work that waits, in one lane for each network (network.h) that caused it. Lanes take turns, and all of them share one
// rate. So the work takes a bounded part of the map's time, and a network that causes much of it waits for itself.
//
// The work is things in a Slab, in lists of their own links: nothing is allocated where a lane comes and goes with
// every single thing, and one that has ended leaves its lane at once.
#ifndef WARP_MAP_SERVER_REGISTRY_FAIR_QUEUE_H_
#define WARP_MAP_SERVER_REGISTRY_FAIR_QUEUE_H_

#include "control/protocol/token_bucket.h"
#include "dataplane/wire/time.h"
#include "map-server/constants.h"
#include "map-server/flat/id_index.h"
#include "map-server/flat/id_list.h"
#include "map-server/network.h"

namespace warp::map {

// `kLinks` is the member of T that holds its place in its lane.
template <typename T, Links T::*kLinks>
class FairQueue {
 public:
  FairQueue(uint32_t burst, uint32_t per_second)
      : by_network_(lanes_), budget_(burst, per_second) {}
  FairQueue(const FairQueue&) = delete;
  FairQueue& operator=(const FairQueue&) = delete;

  void Push(Slab<T>& things, Network network, Id thing) {
    Id lane = by_network_.Find(network);
    if (lane == kNoId) {
      lane = lanes_.Make();
      lanes_[lane].network = network;
      by_network_.Add(lane);
      turns_.PushBack(lanes_, lane);
    }
    lanes_[lane].waiting.PushBack(things, thing);
    resume_ = wire::Instant{};
  }

  // `thing` waits in the lane of `network`, and has ended.
  void Remove(Slab<T>& things, Network network, Id thing) {
    const Id lane = by_network_.Find(network);
    lanes_[lane].waiting.Remove(things, thing);
    if (lanes_[lane].waiting.empty()) Close(lane);
  }

  // The oldest thing of the lane whose turn it is; kNoId where there is none, or the rate allows none yet.
  Id Pop(Slab<T>& things, wire::Instant now) {
    if (turns_.empty()) return kNoId;
    if (budget_.Level(now) == 0) {
      resume_ = now + kFairQueuePause;
      return kNoId;
    }
    const Id lane = turns_.first();
    const Id thing = lanes_[lane].waiting.first();
    lanes_[lane].waiting.Remove(things, thing);
    if (lanes_[lane].waiting.empty()) {
      Close(lane);
    } else {
      turns_.MoveToBack(lanes_, lane);
    }
    return thing;
  }
  // The popped thing costs something.
  void Charge(wire::Instant now) { budget_.Take(now); }

  // When to Pop next; kNever where nothing waits.
  wire::Instant NextTimeout() const { return turns_.empty() ? wire::kNever : resume_; }

 private:
  struct Lane {
    Network network = 0;
    IdList<T, kLinks> waiting;  // never empty
    Links turn;
  };

  void Close(Id lane) {
    turns_.Remove(lanes_, lane);
    by_network_.Remove(lane);
    lanes_.Free(lane);
  }

  Slab<Lane> lanes_;
  IdIndex<Lane, Network, &Lane::network> by_network_;
  IdList<Lane, &Lane::turn> turns_;  // the next one first
  protocol::TokenBucket budget_;
  wire::Instant resume_{};
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_REGISTRY_FAIR_QUEUE_H_
