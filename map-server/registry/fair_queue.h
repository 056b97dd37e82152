// Work that waits, in one lane for each network (network.h) that caused it. Lanes take turns, and all of them share one
// rate. So the work takes a bounded part of the map's time, and a network that causes much of it waits for itself.
#ifndef WARP_MAP_SERVER_REGISTRY_FAIR_QUEUE_H_
#define WARP_MAP_SERVER_REGISTRY_FAIR_QUEUE_H_

#include <deque>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "control/protocol/token_bucket.h"
#include "dataplane/wire/time.h"
#include "map-server/constants.h"
#include "map-server/network.h"

namespace warp::map {

template <typename Item>
class FairQueue {
 public:
  FairQueue(uint32_t burst, uint32_t per_second) : budget_(burst, per_second) {}

  void Push(Network network, Item item) {
    std::deque<Item>& lane = lanes_[network];
    if (lane.empty()) turns_.push_back(network);
    lane.push_back(std::move(item));
    resume_ = wire::Instant{};
  }

  // The oldest item of the lane whose turn it is; nullopt where there is none, or the rate allows none yet.
  std::optional<Item> Pop(wire::Instant now) {
    if (turns_.empty()) return std::nullopt;
    if (budget_.Level(now) == 0) {
      resume_ = now + kFairQueuePause;
      return std::nullopt;
    }
    const Network network = turns_.front();
    turns_.pop_front();
    const auto lane = lanes_.find(network);
    Item item = std::move(lane->second.front());
    lane->second.pop_front();
    if (lane->second.empty()) {
      lanes_.erase(lane);
    } else {
      turns_.push_back(network);
    }
    return item;
  }
  // The popped item costs something.
  void Charge(wire::Instant now) { budget_.Take(now); }

  // When to Pop next; kNever where nothing waits.
  wire::Instant NextTimeout() const { return turns_.empty() ? wire::kNever : resume_; }

 private:
  absl::flat_hash_map<Network, std::deque<Item>> lanes_;  // none is empty
  std::deque<Network> turns_;                             // of the lanes, the next one first
  protocol::TokenBucket budget_;
  wire::Instant resume_{};
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_REGISTRY_FAIR_QUEUE_H_
