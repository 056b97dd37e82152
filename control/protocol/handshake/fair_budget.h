// A budget that strangers share. While at least half of it is left, whoever comes takes from it. Below that, each
// network of senders (wire::NetworkHash) gets its share alone, so that one that floods uses up its own share and
// not everybody's.
//
// Networks are put into a fixed number of buckets: the memory is bounded, and two networks rarely share a bucket.
#ifndef WARP_CONTROL_PROTOCOL_HANDSHAKE_FAIR_BUDGET_H_
#define WARP_CONTROL_PROTOCOL_HANDSHAKE_FAIR_BUDGET_H_

#include <cstdint>
#include <vector>

#include "control/protocol/constants.h"
#include "control/protocol/token_bucket.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/network_hash.h"

namespace warp::protocol {

class FairBudget {
 public:
  FairBudget(uint32_t burst, uint32_t per_second);

  // Takes one token for a sender at `from` if there is one for it. `scarce`: what the budget is of is scarce, however
  // much of it is left, so that shares count.
  bool Take(Instant now, const wire::IpAddress& from, bool scarce = false);

  // Less than half is left.
  bool under_load(Instant now) const { return all_.Level(now) < all_.burst() / 2; }

 private:
  TokenBucket all_;
  std::vector<TokenBucket> shares_;  // kBudgetBuckets
  const wire::NetworkHash hash_;
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_HANDSHAKE_FAIR_BUDGET_H_
