// Whether the machine's clock has gone on as time does, or was put forward or back: by comparison with the time since
// boot, which nobody sets.
#ifndef WARP_CONTROL_CAP_CLOCK_WATCH_H_
#define WARP_CONTROL_CAP_CLOCK_WATCH_H_

#include "absl/time/time.h"
#include "dataplane/wire/time.h"

namespace warp::cap {

class ClockWatch {
 public:
  // A clock that is slewed gains or loses half a second in a quarter of an hour, so that looks some seconds apart see
  // less than this.
  static constexpr absl::Duration kStep = absl::Seconds(1);

  // Takes note of what both clocks say.
  void Look(wire::Instant now, absl::Time wall) {
    const absl::Time boot = wall - absl::Nanoseconds(now.time_since_epoch().count());
    stepped_ = !looked_ || absl::AbsDuration(boot - boot_) > kStep;
    boot_ = boot;
    looked_ = true;
  }
  // Since the look before. True at the first one and before it: nobody has seen what the clock did while nobody looked.
  bool stepped() const { return stepped_; }

 private:
  bool looked_ = false;
  bool stepped_ = true;
  absl::Time boot_;  // when the machine booted, by its clock
};

}  // namespace warp::cap

#endif  // WARP_CONTROL_CAP_CLOCK_WATCH_H_
