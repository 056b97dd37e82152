// The sizes that routers tell by ICMP, as a socket's error queue has them (IP_RECVERR). Control thread only.
//
// Whoever takes a hint looks at every path, and anybody may send many. So only the first few of each turn are told, and
// what waits behind more than can be read in a turn is read in the next.
#ifndef WARP_CONTROL_LINK_SIZE_HINTS_H_
#define WARP_CONTROL_LINK_SIZE_HINTS_H_

#include <functional>

#include "control/kernel/port_guard.h"
#include "control/loop/loop.h"

namespace warp::control {

class SizeHints {
 public:
  // `fd` is a socket with IP_RECVERR, which stays the caller's and outlives this object, as the loop does.
  SizeHints(Loop& loop, int fd, std::function<void(const SizeHint&)> tell);

 private:
  void Take();

  const int fd_;
  const std::function<void(const SizeHint&)> tell_;
  Task more_;
  Watch watch_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_LINK_SIZE_HINTS_H_
