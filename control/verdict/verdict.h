// Whether a link is worth its money: how often it is the first, how far behind it is when it is not, and what would
// have been lost without it. Pure.
//
// A payload would have been lost without a link if no other path brought a copy of it, as long as the receiver
// remembers its counter (65,536 payloads). One payload in sixteen is followed, so that the number is an estimate: with
// s of them it is off by some 4 * sqrt(s) payloads. It means what it says where the peer sends copies. Of payloads that
// were sent over one link alone, because a tunnel spreads them, it says that this link carried them; `copies` tells
// which it is.
#ifndef WARP_CONTROL_VERDICT_VERDICT_H_
#define WARP_CONTROL_VERDICT_VERDICT_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "control/verdict/link_totals.h"

namespace warp::verdict {

struct Verdict {
  double first_share = 0;  // 0 to 1, of all links of the peer; 0 where nothing came
  std::optional<std::chrono::nanoseconds>
      skew;               // the median behind the first copy; nullopt: none was measured
  double sole_share = 0;  // payloads that nothing else brought, of those that came by any link
};

// `all`: of all links of the peer, this one included.
Verdict Judge(const LinkTotals& link, const LinkTotals& all);

// How many copies of a payload arrive, on average; 0 where nothing came.
double CopiesOf(const LinkTotals& all);

}  // namespace warp::verdict

#endif  // WARP_CONTROL_VERDICT_VERDICT_H_
