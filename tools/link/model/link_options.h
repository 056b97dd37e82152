// What one direction of a link is like. All times are nanoseconds, and all moments count from the link's begin.
#ifndef WARP_TOOLS_LINK_MODEL_LINK_OPTIONS_H_
#define WARP_TOOLS_LINK_MODEL_LINK_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace warp::tools {

using Nanos = int64_t;

inline constexpr Nanos kMillisecond = 1'000'000;
inline constexpr Nanos kSecond = 1'000'000'000;
// The moment that never comes. It is far enough from the largest number that a delay can be added to it.
inline constexpr Nanos kNeverNanos = std::numeric_limits<Nanos>::max() / 2;

inline constexpr size_t kEthernetHeader = 14;

// From `at` on the link carries `rate` bits a second, until the next step.
struct RateStep {
  Nanos at = 0;
  double rate = 0;
};

// The link is dead from `from` until just before `to`.
struct Outage {
  Nanos from = 0;
  Nanos to = 0;
};

struct LinkOptions {
  // --- The transmitter. With neither steps nor a trace a frame takes no time. ---
  std::vector<RateStep>
      rate;  // the first is at 0; times rise; not all are 0, and the last is only where `repeat` is set
  std::vector<uint32_t>
      trace;  // milliseconds at which 1,500 bytes may leave; they do not fall, and the last is above 0
  bool limited_buffer = true;
  Nanos buffer =
      100 * kMillisecond;  // at the highest rate, or at the trace's mean; 0: nothing waits

  // --- The way. ---
  Nanos delay = 0;
  Nanos jitter =
      0;  // the mean of an exponential distribution, which is cut off at kLongestJitter times this
  Nanos slots = 0;  // frames arrive only at multiples of this; 0: at any time

  // --- Faults. Shares are 0 to 1. ---
  double loss = 0;  // in the good state
  double loss_bad = 1;
  double to_bad = 0;   // for each frame; 0: the state is always good
  double to_good = 0;  // for each frame in the bad state
  double reorder = 0;
  Nanos reorder_by = 0;
  double duplicate = 0;
  double corrupt = 0;
  std::vector<Outage> down;  // in order, apart from each other
  Nanos repeat = 0;          // steps of the rate and outages begin anew after this; 0: never

  // --- Limits. ---
  uint32_t mtu = 0;            // bytes of an IP packet; 0: any size
  bool joined = false;         // joined frames pass
  size_t memory = 256u << 20;  // bytes of frames at most
};

inline constexpr Nanos kLongestJitter = 20;

}  // namespace warp::tools

#endif  // WARP_TOOLS_LINK_MODEL_LINK_OPTIONS_H_
