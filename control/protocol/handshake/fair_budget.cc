#include "control/protocol/handshake/fair_budget.h"

#include <algorithm>

namespace warp::protocol {
namespace {

uint32_t Share(uint32_t whole) { return std::max<uint32_t>(whole / kBudgetShares, 1); }

}  // namespace

FairBudget::FairBudget(uint32_t burst, uint32_t per_second)
    : all_(burst, per_second),
      shares_(kBudgetBuckets, TokenBucket(Share(burst), Share(per_second))) {}

bool FairBudget::Take(Instant now, const wire::IpAddress& from, bool scarce) {
  // A share is charged only while it counts. Then mac2 has proved the source address, so that nobody can use up the
  // share of another network beforehand.
  const bool shared = scarce || under_load(now);
  if (shared && !shares_[hash_.Of(from) % shares_.size()].Take(now)) return false;
  return all_.Take(now);
}

}  // namespace warp::protocol
