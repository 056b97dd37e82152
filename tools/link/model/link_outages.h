// When a link is dead.
#ifndef WARP_TOOLS_LINK_MODEL_LINK_OUTAGES_H_
#define WARP_TOOLS_LINK_MODEL_LINK_OUTAGES_H_

#include <vector>

#include "tools/link/model/link_options.h"

namespace warp::tools {

class LinkOutages {
 public:
  // The outages are in order and apart; with `repeat` they end by then, and begin anew after it.
  LinkOutages(const std::vector<Outage>& outages, Nanos repeat)
      : outages_(outages), repeat_(repeat) {}

  bool IsDown(Nanos now) const;
  // The begin of the first outage after `now`, or kNeverNanos.
  Nanos NextBegin(Nanos now) const;
  // The begin of the last outage that has begun by `now`, or -1.
  Nanos LastBegin(Nanos now) const;

 private:
  // The begin of the round that `now` belongs to.
  Nanos RoundOf(Nanos now) const { return repeat_ > 0 ? now / repeat_ * repeat_ : 0; }

  const std::vector<Outage> outages_;
  const Nanos repeat_;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_LINK_MODEL_LINK_OUTAGES_H_
