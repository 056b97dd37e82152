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
// ever. But a clock that has said so on kDaysBelieved days, one after the other, is believed, across restarts too, as a
// machine may never run for a whole day: from then on bytes are booked in the present period, and when the clock passes
// to a period that is not known, the later ones go. They also go when it passes to a known one as time goes by. Where
// it jumps to a known one it may just have been put right, so that this one keeps its bytes: those of the time that was
// never true, and of the days until the clock was believed.
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
  // On how many days in a row the clock has said what it says, until it is believed.
  static constexpr uint8_t kDaysBelieved = 3;
  // What the machine's clock has said last. It began anew to be counted when the clock went back to an earlier day, or
  // jumped into another period.
  struct Clock {
    absl::CivilDay day;
    uint8_t days =
        0;  // on how many in a row by then, kDaysBelieved at most; 0: it has said nothing yet
    friend bool operator==(const Clock&, const Clock&) = default;
  };
  struct Entry {
    absl::CivilDay begin;  // of the period
    uint64_t bytes = 0;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  static constexpr size_t kMostEntries = 4;

  explicit Ledger(const config::CapPeriod& period) : period_(period) {}
  // As entries() and clock() were, perhaps of another kind of period: their days are what counts.
  Ledger(const config::CapPeriod& period, std::vector<Entry> entries, const Clock& clock);

  // Whether a new period has begun, so that used() is 0.
  enum class Turn : uint8_t {
    kNone,
    kJumped,  // the clock may have been put there
    kPassed,  // as time goes by: the clock was watched, or was believed and is in the next period
  };
  // It is this day. `stepped`: the clock may have been put forward or back since the last look.
  Turn Look(absl::CivilDay today, bool stepped);

  void Add(uint64_t bytes);  // after the first Look
  void Set(uint64_t bytes);  // what was carried in the present period, as somebody knows better
  uint64_t used() const;     // in the present period
  absl::CivilDay begin() const { return now_; }
  absl::CivilDay end() const { return NextBegin(period_, now_); }  // the first day after it

  const config::CapPeriod& period() const { return period_; }
  // The latest first; empty before the first Look.
  const std::vector<Entry>& entries() const { return entries_; }
  const Clock& clock() const { return clock_; }

 private:
  bool believed() const { return clock_.days == kDaysBelieved; }
  void Note(absl::CivilDay today, bool anew);
  bool Knows(absl::CivilDay begin) const;
  void Begin(absl::CivilDay period, bool believed);

  config::CapPeriod period_;
  std::vector<Entry> entries_;
  absl::CivilDay now_;       // the present period
  absl::CivilDay believed_;  // the last one to which the clock has not just jumped
  Clock clock_;
};

}  // namespace warp::cap

#endif  // WARP_CONTROL_CAP_LEDGER_H_
