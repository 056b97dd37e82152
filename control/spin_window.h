// How long a thread without a CPU of its own goes on looking for work before it sleeps: about as long as it pays, by what
// sleeping brought lately. A sleep that ends soon cost two context switches for nothing, so the window grows; one that lasts
// shows that looking was in vain, so it shrinks. (The rule by which KVM's halt polling finds its interval.)
#ifndef WARP_CONTROL_SPIN_WINDOW_H_
#define WARP_CONTROL_SPIN_WINDOW_H_

#include <algorithm>

#include "control/protocol/time.h"

namespace warp::control {

class SpinWindow {
 public:
  static constexpr protocol::Duration kLeast = std::chrono::microseconds(10);
  static constexpr protocol::Duration kMost = std::chrono::microseconds(100);

  void Worked(protocol::Instant now) { last_work_ = now; }
  // After a turn that found nothing: whether the time to sleep has come.
  bool over(protocol::Instant now) const { return now - last_work_ > window_; }
  // Asleep for so long, then woken or not.
  void Slept(protocol::Duration time) {
    window_ = time < kMost ? std::min(kMost, window_ * 2) : std::max(kLeast, window_ / 2);
  }
  protocol::Duration window() const { return window_; }

 private:
  protocol::Instant last_work_;
  protocol::Duration window_ = kLeast;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_SPIN_WINDOW_H_
