// The sizes that routers tell by ICMP, as a socket's error queue has them (IP_RECVERR). Control thread only.
//
// Whoever takes a hint looks at every path, and anybody may send many. So only the first few of each turn are told.
//
// What waits to be read takes room from what the socket receives, and wakes whoever polls it. So where more waits than
// is read in a turn, the kernel is told to keep none for kDeafFor, with which it throws away what waits: hints only
// speed up what probes find.
#ifndef WARP_CONTROL_LINK_SIZE_HINTS_H_
#define WARP_CONTROL_LINK_SIZE_HINTS_H_

#include <chrono>
#include <cstdint>
#include <functional>

#include "control/kernel/port_guard.h"
#include "control/loop/loop.h"
#include "dataplane/wire/time.h"

namespace warp::control {

// What came of ICMP.
struct IcmpCounters {
  uint64_t errors = 0;  // read
  uint64_t floods = 0;  // how often the kernel was told to keep no more
};

class SizeHints {
 public:
  static constexpr int kMostRead = 128;  // in a turn
  static constexpr wire::Duration kDeafFor = std::chrono::seconds(1);

  // `fd` is a socket with IP_RECVERR, which stays the caller's and outlives this object, as the loop and the counters
  // do.
  SizeHints(Loop& loop, int fd, std::function<void(const SizeHint&)> tell, IcmpCounters& counters);

 private:
  void Take();
  void Listen(bool on);

  const int fd_;
  const std::function<void(const SizeHint&)> tell_;
  IcmpCounters& counters_;
  Timer hear_again_;
  Watch watch_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LINK_SIZE_HINTS_H_
