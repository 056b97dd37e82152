// What was carried in which period, by a clock that may be wrong.
//
// A machine without a battery boots in 1970, or where it was switched off; a bad time server sends another into 2040;
// and both are put right later. Neither may wipe a count. So the ledger keeps the last few periods, books all bytes in
// the latest of them, and counts what was booked *from the present period on*:
//
//   the clock says                          then
//   a period after all that are known       it is a new one, and begins with nothing
//   a known one, or one between two         everything booked in it and after it counts, since a clock that is back
//                                           was ahead before, or is behind now: in either case that is enough
//   one before all that are known           nothing changes: such a clock knows nothing of this time
//
// The clock may be back from a time that was never true. Then later periods stand in the ledger, and would count for
// ever. They go when the clock has gone evenly for a day, and passes from one period to another one that is not known:
// so time goes by, and not the clock.
//
// Where there are too many periods, the oldest is forgotten. But a clock that jumps ahead again and again must not push
// out the period in which it was last believed: then the latest ones become one. Pure; one thread.
#ifndef WARP_CONTROL_CAP_LEDGER_H_
#define WARP_CONTROL_CAP_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/time/civil_time.h"
#include "control/cap/period.h"
#include "control/config/cap/cap_policy.h"

namespace warp::cap {

class Ledger {
 public:
  struct Entry {
    absl::CivilDay begin;  // of the period
    uint64_t bytes = 0;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  static constexpr size_t kMostEntries = 4;

  explicit Ledger(const config::CapPeriod& period) : period_(period) {}
  // As entries() were, perhaps of another kind of period: their first days are what counts.
  Ledger(const config::CapPeriod& period, std::vector<Entry> entries);

  // It is this day. `even`: the clock was not put forward or back for a day. True when a new period began, so that
  // used() is 0.
  bool Look(absl::CivilDay today, bool even);

  void Add(uint64_t bytes);  // after the first Look
  void Set(uint64_t bytes);  // what was carried in the present period, as somebody knows better
  uint64_t used() const;     // in the present period
  absl::CivilDay begin() const { return now_; }
  absl::CivilDay end() const { return NextBegin(period_, now_); }  // the first day after it

  const config::CapPeriod& period() const { return period_; }
  // The latest first; empty before the first Look.
  const std::vector<Entry>& entries() const { return entries_; }

 private:
  bool Knows(absl::CivilDay begin) const;
  void Begin(absl::CivilDay period, bool believed);

  config::CapPeriod period_;
  std::vector<Entry> entries_;
  absl::CivilDay now_;       // the present period
  absl::CivilDay believed_;  // the last one to which the clock has not just jumped
  absl::CivilDay seen_;      // what the clock said last, whether it was believed or not
  bool looked_ = false;
};

}  // namespace warp::cap

#endif  // WARP_CONTROL_CAP_LEDGER_H_
