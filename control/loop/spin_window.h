// How long a thread without a CPU of its own goes on looking for work before it sleeps: about as long as it pays, by
// what sleeping brought lately. A sleep that ends soon cost two context switches for nothing, so the window grows; one
// that lasts shows that looking was in vain, so it shrinks. (The rule by which KVM's halt polling finds its interval.)
#ifndef WARP_CONTROL_LOOP_SPIN_WINDOW_H_
#define WARP_CONTROL_LOOP_SPIN_WINDOW_H_

#include <algorithm>

#include "dataplane/wire/time.h"

namespace warp::control {

class SpinWindow {
 public:
  static constexpr wire::Duration kLeast = std::chrono::microseconds(10);
  static constexpr wire::Duration kMost = std::chrono::microseconds(100);

  // `most`: zero where it is to sleep at once.
  explicit SpinWindow(wire::Duration most = kMost) : most_(most), least_(std::min(kLeast, most)) {}

  void Worked(wire::Instant now) { last_work_ = now; }
  // After a turn that found nothing: whether the time to sleep has come.
  bool over(wire::Instant now) const { return now - last_work_ > window_; }
  // Asleep for so long, then woken or not.
  void Slept(wire::Duration time) {
    window_ = time < most_ ? std::min(most_, window_ * 2) : std::max(least_, window_ / 2);
  }
  wire::Duration window() const { return window_; }

 private:
  wire::Duration most_, least_;
  wire::Instant last_work_;
  wire::Duration window_ = least_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LOOP_SPIN_WINDOW_H_
