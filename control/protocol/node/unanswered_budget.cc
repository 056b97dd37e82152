#include "control/protocol/node/unanswered_budget.h"

#include <algorithm>

namespace warp::protocol {

bool UnansweredBudget::Share::Take(Instant now, Use use, bool heard) {
  // Until one spent datagram is paid back. What is spent is kept as a time, which has a bound of its own because the
  // number of peers may fall.
  const Duration each = Duration(std::chrono::seconds(2)) * budget_.shares_ / kUnansweredPerSecond;
  paid_back_ = std::clamp(paid_back_, now, now + each * kUnansweredShareHeard);
  const Duration spent = paid_back_ - now;

  uint32_t share = heard ? kUnansweredShareHeard : kUnansweredShare;
  const bool learned = use == Use::kLearned || use == Use::kFirstLearned;
  if (use != Use::kContact) share -= learned ? share / 2 : share / 4;
  const bool within_share = spent + each <= each * share;
  uint32_t untouched = kUnansweredBurst / (heard ? 8 : 4);
  if (use == Use::kContact && spent == Duration(0)) untouched = 0;
  if (!within_share) untouched = kUnansweredBurst / 2;
  const bool first = use == Use::kFirstProbe || (use == Use::kFirstLearned && within_share);
  if (first) untouched -= kUnansweredBurst / 16;

  if (budget_.all_.Level(now) <= untouched || !budget_.all_.Take(now)) return false;
  // Whoever takes from the upper half spends its share as well, so that those who ask all the time have nothing saved
  // for the rest.
  if (within_share) paid_back_ += each;
  return true;
}

}  // namespace warp::protocol
