#include "tools/link/model/link_outages.h"

namespace warp::tools {

bool LinkOutages::IsDown(Nanos now) const {
  const Nanos time = now - RoundOf(now);
  for (const Outage& outage : outages_) {
    if (time >= outage.from && time < outage.to) return true;
  }
  return false;
}

Nanos LinkOutages::NextBegin(Nanos now) const {
  if (outages_.empty()) return kNeverNanos;
  const Nanos round = RoundOf(now);
  for (const Outage& outage : outages_) {
    if (round + outage.from > now) return round + outage.from;
  }
  return repeat_ > 0 ? round + repeat_ + outages_.front().from : kNeverNanos;
}

Nanos LinkOutages::LastBegin(Nanos now) const {
  const Nanos round = RoundOf(now);
  for (auto outage = outages_.rbegin(); outage != outages_.rend(); ++outage) {
    if (round + outage->from <= now) return round + outage->from;
  }
  if (repeat_ == 0 || round == 0 || outages_.empty()) return -1;
  return round - repeat_ + outages_.back().from;
}

}  // namespace warp::tools
