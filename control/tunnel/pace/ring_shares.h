// How many packets a tunnel may have on their way to the ports while others send too (journey out, step 2). The rings
// to the workers are first in, first out, so that a payload waits for all that lies there before it. A tunnel alone may
// fill them, which costs nobody. As soon as several send, all of them together have what a worker moves in half a
// millisecond, in equal parts: a flood waits in its own gate then, and not before the payloads of the others.
//
// A tunnel counts for one to two seconds after its last packet. Pure; control thread only.
#ifndef WARP_CONTROL_TUNNEL_PACE_RING_SHARES_H_
#define WARP_CONTROL_TUNNEL_PACE_RING_SHARES_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "dataplane/wire/time.h"

namespace warp::control {

class RingShares {
 public:
  // For all tunnels together, and for each at least: a worker takes 64 at a time.
  static constexpr size_t kShared = 256;
  static constexpr size_t kLeast = 64;
  static constexpr wire::Duration kPeriod = std::chrono::seconds(1);

  void NoteSubmitted(wire::Instant now, uint16_t tunnel) {
    if (now >= period_end_) BeginPeriod(now);
    if (tunnel >= last_period_.size()) last_period_.resize(tunnel + size_t{1});
    if (last_period_[tunnel] == period_) return;
    last_period_[tunnel] = period_;
    ++now_;
    Divide();
  }

  // The packets that one tunnel may have in flight.
  size_t share() const { return share_; }

 private:
  void BeginPeriod(wire::Instant now) {
    before_ = now < period_end_ + kPeriod ? now_ : 0;
    now_ = 0;
    period_end_ = now + kPeriod;
    ++period_;
    Divide();
  }
  void Divide() {
    const size_t senders = std::max(before_, now_);
    share_ =
        senders <= 1 ? std::numeric_limits<size_t>::max() : std::max(kShared / senders, kLeast);
  }

  uint32_t period_ = 0;
  wire::Instant period_end_{};
  std::vector<uint32_t> last_period_;  // by tunnel: in which one it sent last; 0: in none
  size_t before_ = 0, now_ = 0;        // tunnels that sent in the period before, and in this one
  size_t share_ = std::numeric_limits<size_t>::max();
};

}  // namespace warp::control

#endif  // WARP_CONTROL_TUNNEL_PACE_RING_SHARES_H_
