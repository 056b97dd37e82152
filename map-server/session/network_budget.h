// What the sessions of one network may say together. The budgets are in a fixed number of buckets, in which a keyed
// hash puts the networks, so that many of them cost no memory and nobody can choose whose bucket to share.
#ifndef WARP_MAP_SERVER_SESSION_NETWORK_BUDGET_H_
#define WARP_MAP_SERVER_SESSION_NETWORK_BUDGET_H_

#include <cstddef>
#include <vector>

#include "control/protocol/small_bucket.h"
#include "map-server/flat/keyed_hash.h"
#include "map-server/network.h"

namespace warp::map {

class NetworkBudget {
 public:
  explicit NetworkBudget(const protocol::BucketRate& rate) : rate_(rate), buckets_(kBuckets) {}

  // Takes one token if there is one.
  bool Take(wire::Instant now, Network network) { return buckets_[At(network)].Take(now, rate_); }
  bool Has(wire::Instant now, Network network) const {
    return buckets_[At(network)].Has(now, rate_);
  }

 private:
  static constexpr size_t kBuckets = size_t{1} << 16;

  size_t At(Network network) const { return hash_.Of(network) % kBuckets; }

  const protocol::BucketRate rate_;
  const KeyedHash hash_;
  std::vector<protocol::SmallBucket> buckets_;
};

}  // namespace warp::map

#endif  // WARP_MAP_SERVER_SESSION_NETWORK_BUDGET_H_
