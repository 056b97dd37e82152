// Waiting for descriptors, with deadlines.
#ifndef WARP_TOOLS_GAUGE_GAUGE_WAIT_H_
#define WARP_TOOLS_GAUGE_GAUGE_WAIT_H_

#include <cstdint>
#include <initializer_list>
#include <limits>

namespace warp::tools {

inline constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

// Returns the moment `seconds` after `start` (ns), or kNever for 0 seconds.
uint64_t After(uint64_t start, double seconds);

// Waits until one of the descriptors is readable (-1: none) or the clock reaches `deadline`. Returns a bit for each
// readable descriptor, in their order.
unsigned WaitReadable(std::initializer_list<int> fds, uint64_t deadline);

// Lines of progress at even intervals.
class Ticker {
 public:
  Ticker(uint64_t start, double interval)
      : interval_(After(0, interval)), next_(After(start, interval)) {}
  uint64_t next() const { return next_; }
  // True once for each interval that has passed by `now`.
  bool Due(uint64_t now) {
    if (now < next_) return false;
    next_ += interval_;
    return true;
  }

 private:
  const uint64_t interval_;
  uint64_t next_;
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_GAUGE_GAUGE_WAIT_H_
