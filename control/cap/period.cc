#include "control/cap/period.h"

#include <algorithm>

namespace warp::cap {
namespace {

using config::CapPeriod;
using config::CapUnit;

// Where the month is too short for the day, its last one.
absl::CivilDay BeginIn(const CapPeriod& period, absl::CivilMonth month) {
  const absl::CivilDay last = absl::CivilDay(month + 1) - 1;
  return std::min(absl::CivilDay(month) + (period.from - 1), last);
}

absl::Weekday WeekdayOf(const CapPeriod& period) {
  return static_cast<absl::Weekday>(period.from - 1);  // both begin with Monday
}
static_assert(static_cast<int>(absl::Weekday::monday) == 0);

}  // namespace

absl::CivilDay BeginOf(const CapPeriod& period, absl::CivilDay day) {
  switch (period.each) {
    case CapUnit::kDay:
      return day;
    case CapUnit::kWeek:
      return absl::PrevWeekday(day + 1, WeekdayOf(period));
    case CapUnit::kMonth: {
      const absl::CivilMonth month(day);
      const absl::CivilDay begin = BeginIn(period, month);
      return begin <= day ? begin : BeginIn(period, month - 1);
    }
  }
  return day;
}

absl::CivilDay NextBegin(const CapPeriod& period, absl::CivilDay begin) {
  switch (period.each) {
    case CapUnit::kDay:
      return begin + 1;
    case CapUnit::kWeek:
      return begin + 7;
    case CapUnit::kMonth:
      return BeginIn(period, absl::CivilMonth(begin) + 1);
  }
  return begin;
}

}  // namespace warp::cap
