// Whether the machine's clock goes evenly, or was put forward or back: by comparison with the time since boot, which
// nobody sets.
#ifndef WARP_CONTROL_CAP_CLOCK_WATCH_H_
#define WARP_CONTROL_CAP_CLOCK_WATCH_H_

#include <chrono>

#include "absl/time/time.h"
#include "dataplane/wire/time.h"

namespace warp::cap {

class ClockWatch {
 public:
  // A clock that is slewed gains or loses half a second in a quarter of an hour, so that looks some seconds apart see
  // less than this.
  static constexpr absl::Duration kStep = absl::Seconds(1);
  static constexpr wire::Duration kEvenFor = std::chrono::hours(24);

  // Takes note of what both clocks say.
  void Look(wire::Instant now, absl::Time wall) {
    const absl::Time boot = wall - absl::Nanoseconds(now.time_since_epoch().count());
    stepped_ = looked_ && absl::AbsDuration(boot - boot_) > kStep;
    if (!looked_ || stepped_) since_ = now;
    even_ = now - since_ >= kEvenFor;
    boot_ = boot;
    looked_ = true;
  }
  bool stepped() const { return stepped_; }  // since the look before
  bool even() const { return even_; }        // it was not for a day

 private:
  bool looked_ = false;
  bool stepped_ = false;
  bool even_ = false;
  absl::Time boot_;  // when the machine booted, by its clock
  wire::Instant since_;
};

}  // namespace warp::cap

#endif  // WARP_CONTROL_CAP_CLOCK_WATCH_H_
