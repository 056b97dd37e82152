// How much of a tunnel may be on its way to the ports, and when to try again what all of them
// refused (journey out, step 6). Pure arithmetic; `now` is a parameter.
//
// As long as ports take everything, the window is wide open and this does nothing. A port that
// refuses narrows it, down to one packet; each packet taken opens it by one, so that it doubles
// with each round trip.
//
//   taken      refused           refused  taken: its rate is known
//     |───────────|─────── … ───────|──|──── attempts
//     |◄──── service: it needs longer ►|
//
// A new packet is tried at once, since the port may be free. Refused, it waits until so much time has
// passed as was just too short lately (smoothed: wake-ups vary), and a 64th more; then another 64th,
// and so on. Where the first of these succeeds, the time shrinks, slowly at first. So the rate of a slow port is met within some percent
// by two or three attempts for each packet, and a port that takes nothing costs one each
// millisecond. Time counts from attempt to attempt: what a report takes to arrive is not the port's.
#ifndef WARP_CONTROL_TUNNEL_SEND_WINDOW_H_
#define WARP_CONTROL_TUNNEL_SEND_WINDOW_H_

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "dataplane/wire/time.h"

namespace warp::control {

class SendWindow {
 public:
  explicit SendWindow(size_t widest) : widest_(widest), size_(widest) {}

  // Packets whose fate may be unknown at once.
  size_t size() const { return size_; }
  bool widest() const { return size_ == widest_; }
  // Nothing is submitted before.
  wire::Instant next_attempt() const { return next_attempt_; }

  void OnSubmitted(wire::Instant now) {
    if (last_attempt_ == wire::Instant()) last_success_ = now;  // as if: what was before is unknown
    last_attempt_ = now;
  }

  void OnTaken(wire::Instant now) {
    if (limited_ && !too_early_) {
      service_ -= service_ / shrink_;
      shrink_ = std::max(shrink_ / 2, kFastestShrink);
    } else if (too_early_) {
      shrink_ = kSlowestShrink;
    }
    limited_ = too_early_ = false;
    last_success_ = last_attempt_;
    next_attempt_ = now;
    size_ = std::min(size_ + 1, widest_);
  }

  void OnRefused() {
    limited_ = true;
    size_ = std::max<size_t>(size_ / 2, 1);
    const wire::Duration since = last_attempt_ - last_success_;
    if (since >= service_) {
      too_early_ = true;
      service_ += (std::min(since, kLongestService) - service_) / 4;
    }
    next_attempt_ = std::max(last_success_ + service_ + service_ / 64,
                             last_attempt_ + std::clamp(since / 64, kShortestStep, kLongestStep));
  }

  // It could not be submitted for want of something that nobody announces.
  void OnShortage(wire::Instant now) { next_attempt_ = now + kLongestStep; }

 private:
  static constexpr wire::Duration kShortestStep = std::chrono::microseconds(10);
  static constexpr wire::Duration kLongestStep = std::chrono::milliseconds(1);
  // Of an outage, no more than this enters the pace.
  static constexpr wire::Duration kLongestService = std::chrono::milliseconds(20);
  static constexpr int kSlowestShrink = 1024, kFastestShrink = 2;

  const size_t widest_;
  size_t size_;
  bool limited_ = false;      // something was refused since the last success
  bool too_early_ = false;    // and not only the first attempt
  wire::Duration service_{};  // since a success: too short for the next one
  int shrink_ = kSlowestShrink;
  wire::Instant last_attempt_{};
  wire::Instant last_success_{};
  wire::Instant next_attempt_{};
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_SEND_WINDOW_H_
