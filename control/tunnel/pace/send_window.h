// How many packets of a tunnel may be on their way to the ports, and when to try again after all of them refused one
// (journey out, step 6). Pure arithmetic; `now` is a parameter.
//
// While ports take everything, the window is wide open and limits nothing. A refusal halves it, down to one packet, and
// each packet taken opens it by one, so that it doubles with each round trip.
//
//   taken      refused           refused  taken: the rate is known
//     |───────────|─────── … ───────|──|──── attempts
//     |◄──── service: it needs longer ►|
//
// A new packet is tried at once, because the port may be free. After a refusal, it waits for the smoothed service
// time plus 1/64. Each further refusal adds 1/64. The service time is the time since the last success that proved too
// short; it is smoothed because wake-ups vary. Where the first of these attempts succeeds, it shrinks, slowly at
// first. So a slow port is met at its rate within some percent, with two or three attempts for each packet, and a
// port that takes nothing costs one attempt each millisecond. Time counts from attempt to attempt, because a report's
// way back is no time of the port's.
#ifndef WARP_CONTROL_TUNNEL_PACE_SEND_WINDOW_H_
#define WARP_CONTROL_TUNNEL_PACE_SEND_WINDOW_H_

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "dataplane/wire/time.h"

namespace warp::control {

class SendWindow {
 public:
  explicit SendWindow(size_t widest) : widest_(widest), size_(widest) {}

  // How many packets may be in flight without a report.
  size_t size() const { return size_; }
  bool widest() const { return size_ == widest_; }
  // The tunnel submits nothing before this time.
  wire::Instant next_attempt() const { return next_attempt_; }

  void OnSubmitted(wire::Instant now) {
    // Nothing is known before the first attempt, so it counts as if one had succeeded just then.
    if (last_attempt_ == wire::Instant()) last_success_ = now;
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

  // A packet could not be submitted for want of something (a buffer, counters, a path) whose return nobody announces.
  void OnShortage(wire::Instant now) { next_attempt_ = now + kLongestStep; }

 private:
  static constexpr wire::Duration kShortestStep = std::chrono::microseconds(10);
  static constexpr wire::Duration kLongestStep = std::chrono::milliseconds(1);
  // An outage counts into the service time with at most this much.
  static constexpr wire::Duration kLongestService = std::chrono::milliseconds(20);
  static constexpr int kSlowestShrink = 1024, kFastestShrink = 2;

  const size_t widest_;
  size_t size_;
  bool limited_ = false;      // something was refused since the last success
  bool too_early_ = false;    // so was an attempt after the service time
  wire::Duration service_{};  // time since a success that was too short for the next one
  int shrink_ = kSlowestShrink;
  wire::Instant last_attempt_{};
  wire::Instant last_success_{};
  wire::Instant next_attempt_{};
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_PACE_SEND_WINDOW_H_
