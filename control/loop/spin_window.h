// A thread without a CPU of its own looks for work for some time before it sleeps. This class adapts that time to what
// the last sleeps brought. A sleep that ends soon has cost two context switches for nothing, so the window grows. A
// long sleep shows that looking was in vain, so the window shrinks. KVM's halt polling finds its interval by the same
// rule.
#ifndef WARP_CONTROL_LOOP_SPIN_WINDOW_H_
#define WARP_CONTROL_LOOP_SPIN_WINDOW_H_

#include <algorithm>

#include "dataplane/wire/time.h"

namespace warp::control {

class SpinWindow {
 public:
  static constexpr wire::Duration kLeast = std::chrono::microseconds(10);
  static constexpr wire::Duration kMost = std::chrono::microseconds(100);

  // `most` is the longest window. With zero the thread sleeps at once.
  explicit SpinWindow(wire::Duration most = kMost) : most_(most), least_(std::min(kLeast, most)) {}

  void Worked(wire::Instant now) { last_work_ = now; }
  // Call this after a turn that found nothing. Returns true if it is time to sleep.
  bool over(wire::Instant now) const { return now - last_work_ > window_; }
  // Call this after a sleep with its length, whether the thread was woken or not.
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
