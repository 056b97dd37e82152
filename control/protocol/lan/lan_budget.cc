#include "control/protocol/lan/lan_budget.h"

#include <algorithm>

#include "absl/hash/hash.h"

namespace warp::protocol {

bool LanBudget::Purse::Has(wire::Instant now) {
  if (now > refilled_) {
    const int64_t earned = (now - refilled_) / period_;
    refilled_ += earned * period_;
    left_ = std::min(left_ + earned, kLanHashBurst);
  }
  return left_ > 0;
}

bool LanBudget::Spend(wire::Instant now, const wire::IpAddress& from, size_t hashes) {
  Share& share = shares_[absl::HashOf(from) % shares_.size()];
  if (!share.Has(now) || !all_.Has(now)) return false;
  share.Take(hashes);
  all_.Take(hashes);
  return true;
}

}  // namespace warp::protocol
