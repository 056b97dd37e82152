// By which time the history of links is booked: by the machine's clock, unless that is behind what the history knows
// already. A machine without a battery boots in 1970 and is told the time later; a clock that was ahead is put right.
// Nobody knows at first which of the two it is, and what is booked wrongly meanwhile must not cost what was booked
// before.
//
//   the clock says                        then it is booked
//   ------------------------------------  -----------------------------------------------------------
//   what the history knows, or later      as it says
//   something before                      with the newest that is known, for kBelieved
//   the same for longer                   as it says: what the history has of later was never true
//   something before kFirst               with the newest that is known, for as long as it says so
//
// Pure; one thread. `now` never falls.
#ifndef WARP_CONTROL_HISTORY_HISTORY_CLOCK_H_
#define WARP_CONTROL_HISTORY_HISTORY_CLOCK_H_

#include <chrono>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "dataplane/wire/time.h"

namespace warp::history {

class HistoryClock {
 public:
  static constexpr wire::Duration kBelieved = std::chrono::hours(1);
  // Nothing was ever booked before this: 2026-01-01, in seconds since 1970.
  static constexpr int64_t kFirst = 1'767'225'600;

  // `newest`: when the newest period of the history begins, in seconds since 1970; 0: it has none.
  absl::Time Of(wire::Instant now, absl::Time wall, int64_t newest) {
    if (absl::ToUnixSeconds(wall) >= newest) {
      behind_since_.reset();
      return wall;
    }
    if (!behind_since_) behind_since_ = now;
    const bool believed = absl::ToUnixSeconds(wall) >= kFirst && now - *behind_since_ >= kBelieved;
    return believed ? wall : absl::FromUnixSeconds(newest);
  }

 private:
  std::optional<wire::Instant> behind_since_;
};

}  // namespace warp::history

#endif  // WARP_CONTROL_HISTORY_HISTORY_CLOCK_H_
