// The transmitter of a link: when it has sent a frame, and how much waits for it.
//
// What it could have sent since the link's begin is a function of time that never falls. A frame that comes at a moment
// takes the next bytes of this function that neither an earlier frame has taken nor time has passed by. This holds for
// steps of a rate and for a trace alike, and makes a link that changes while a frame waits exact.
#ifndef WARP_TOOLS_LINK_MODEL_LINK_CAPACITY_H_
#define WARP_TOOLS_LINK_MODEL_LINK_CAPACITY_H_

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

#include "tools/link/model/link_options.h"

namespace warp::tools {

// Rates that change at given moments, in bits.
class SteppedRate {
 public:
  SteppedRate(const std::vector<RateStep>& steps, Nanos repeat);

  // The bits that could have left by `now`. Moments of consecutive calls may not fall.
  double Served(Nanos now);
  // When so many bits have left since the begin; at least as many as the last Served() said.
  Nanos When(double bits) const;
  double Cost(size_t bytes) const { return static_cast<double>(bytes) * 8; }
  double highest() const;  // bits a second

 private:
  // A place in the endless row of steps: step `index`, which began at `at` when `bits` could have left.
  struct Cursor {
    size_t index = 0;
    Nanos at = 0;
    double bits = 0;
  };
  Nanos Length(size_t index) const;  // kNeverNanos: for ever
  void Advance(Cursor& cursor) const;
  // Goes on by whole rounds from the cursor: as many as end within this time and leave some of these bits.
  void SkipRounds(Cursor& cursor, Nanos time, double bits) const;

  const std::vector<RateStep> steps_;
  const Nanos repeat_;
  double round_ = 0;  // bits of a round, where steps repeat
  Cursor served_;     // where the last Served() was
};

// Opportunities to send up to 1,500 bytes of IP, in the format of mahimahi. What nobody takes of one is gone. A frame
// may be spread over several, and several may share one.
class TracedRate {
 public:
  static constexpr double kOpportunity = 1500 * 8;

  explicit TracedRate(const std::vector<uint32_t>& milliseconds);

  double Served(Nanos now) const;
  Nanos When(double bits) const;
  // A cell carries IP without an Ethernet header. A full frame thus takes exactly one opportunity.
  double Cost(size_t bytes) const {
    return static_cast<double>(bytes - (bytes < kEthernetHeader ? bytes : kEthernetHeader)) * 8;
  }
  double mean() const;     // bits a second
  double highest() const;  // bits a second, in the best 100 ms

 private:
  const std::vector<uint32_t> milliseconds_;
  const Nanos period_;
};

// A link without a rate.
struct UnlimitedRate {};

class LinkCapacity {
 public:
  explicit LinkCapacity(const LinkOptions& options);

  // Takes a frame that comes at `now`, and returns when its last bit has left, or kFull where the buffer is full: more
  // waits already than the buffer holds. Moments of consecutive calls may not fall.
  static constexpr Nanos kFull = -1;
  Nanos Send(Nanos now, size_t bytes);
  // How long a frame that comes at `now` would wait for its first bit's turn.
  Nanos Wait(Nanos now) const { return now < busy_until_ ? busy_until_ - now : 0; }
  // What waits is gone.
  void Clear() { busy_until_ = 0; }

  // Bytes that may be under way or wait at once, as far as the rate tells: in the buffer and for `way` behind it.
  // Returns 0 where the rate does not tell.
  size_t Bound(Nanos way) const;

 private:
  template <typename Rate>
  Nanos SendBy(Rate& rate, Nanos now, size_t bytes);

  std::variant<UnlimitedRate, SteppedRate, TracedRate> rate_;
  double room_ = 0;       // bits that may wait; infinite: any
  double taken_ = 0;      // the place behind the last frame, in bits since the begin
  Nanos busy_until_ = 0;  // when the last frame has left
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_LINK_MODEL_LINK_CAPACITY_H_
