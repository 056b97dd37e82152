// The periods of a data cap: days, weeks and months of the calendar.
//
// A period is known by the civil day on which it begins, not by a moment. So neither a change of daylight saving nor
// another time zone moves or repeats it: what counts is which day it is where the machine is. Pure.
#ifndef WARP_CONTROL_CAP_PERIOD_H_
#define WARP_CONTROL_CAP_PERIOD_H_

#include "absl/time/civil_time.h"
#include "control/config/cap/cap_policy.h"

namespace warp::cap {

// The first day of the period that this day is of.
absl::CivilDay BeginOf(const config::CapPeriod& period, absl::CivilDay day);

// The first day of the period after the one that begins so.
absl::CivilDay NextBegin(const config::CapPeriod& period, absl::CivilDay begin);

}  // namespace warp::cap

#endif  // WARP_CONTROL_CAP_PERIOD_H_
