// A budget: a burst at once, and a number each second after that.
#ifndef WARP_CONTROL_PROTOCOL_TOKEN_BUCKET_H_
#define WARP_CONTROL_PROTOCOL_TOKEN_BUCKET_H_

#include <algorithm>
#include <cstdint>

#include "control/protocol/constants.h"
namespace warp::protocol {

class TokenBucket {
 public:
  TokenBucket(uint32_t burst, uint32_t per_second)
      : burst_(burst), period_(Duration(std::chrono::seconds(1)) / per_second) {}

  // Takes one token if there is one.
  bool Take(Instant now) {
    Refill(now);
    if (tokens_taken_ >= burst_) return false;
    ++tokens_taken_;
    return true;
  }

  // Whole tokens that could be taken now.
  uint32_t Level(Instant now) const {
    TokenBucket later = *this;
    later.Refill(now);
    return burst_ - later.tokens_taken_;
  }

  uint32_t burst() const { return burst_; }

 private:
  void Refill(Instant now) {
    if (tokens_taken_ == 0) {
      refilled_ = now;
      return;
    }
    if (now <= refilled_) return;
    const int64_t earned = (now - refilled_) / period_;
    refilled_ += earned * period_;
    tokens_taken_ -= static_cast<uint32_t>(std::min<int64_t>(earned, tokens_taken_));
  }

  uint32_t burst_;
  Duration period_;
  uint32_t tokens_taken_ = 0;
  Instant refilled_{};
};

}  // namespace warp::protocol

#endif  // WARP_CONTROL_PROTOCOL_TOKEN_BUCKET_H_
