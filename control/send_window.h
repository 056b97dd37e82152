// How much of a tunnel may be on its way to the ports, and when to try again what all of them
// refused (design: Out 6). Pure arithmetic; `now` is a parameter.
//
// As long as ports take everything, the window is wide open and this does nothing. A port that
// refuses narrows it, down to one packet; each packet taken opens it by one, so that it doubles
// with each round trip. Between a refusal and the next attempt passes the time that the ports took
// lately from one packet to the next, less an eighth, then a thirty-second of it at a time: the
// rate of a slow port is met within some percent by a few attempts for each packet, and a port that
// takes nothing at all costs an attempt each millisecond.
#ifndef WARP_CONTROL_SEND_WINDOW_H_
#define WARP_CONTROL_SEND_WINDOW_H_

#include <algorithm>
#include <chrono>
#include <cstddef>

#include "control/protocol/time.h"

namespace warp::control {

class SendWindow {
 public:
  explicit SendWindow(size_t widest) : widest_(widest), size_(widest) {}

  // Packets whose fate may be unknown at once.
  size_t size() const { return size_; }
  // Nothing is submitted before.
  protocol::Instant next_attempt() const { return next_attempt_; }

  void OnTaken(protocol::Instant now) {
    if (limited_) {
      const protocol::Duration took = std::min(now - last_taken_, kLongestService);
      service_ += (took - service_) / 4;
    }
    limited_ = false;
    last_taken_ = now;
    next_attempt_ = now;
    size_ = std::min(size_ + 1, widest_);
  }

  void OnRefused(protocol::Instant now) {
    limited_ = true;
    size_ = std::max<size_t>(size_ / 2, 1);
    const protocol::Instant expected = last_taken_ + service_ * 7 / 8;
    const protocol::Duration step = std::max(service_, now - last_taken_) / 32;
    next_attempt_ = std::max(expected, now + std::clamp(step, kShortestStep, kLongestStep));
  }

  // It could not be submitted for want of something that nobody announces.
  void OnShortage(protocol::Instant now) { next_attempt_ = now + kLongestStep; }

 private:
  static constexpr protocol::Duration kShortestStep = std::chrono::microseconds(10);
  static constexpr protocol::Duration kLongestStep = std::chrono::milliseconds(1);
  static constexpr protocol::Duration kLongestService = std::chrono::milliseconds(4);

  const size_t widest_;
  size_t size_;
  bool limited_ = false;          // something was refused since the last packet was taken
  protocol::Duration service_{};  // between two packets taken by ports that refuse some; smoothed
  protocol::Instant last_taken_{};
  protocol::Instant next_attempt_{};
};

}  // namespace warp::control

#endif  // WARP_CONTROL_SEND_WINDOW_H_
