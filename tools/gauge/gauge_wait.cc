#include "tools/gauge/gauge_wait.h"

#include <poll.h>

#include <algorithm>
#include <vector>

#include "tools/gauge/gauge_socket.h"

namespace warp::tools {

uint64_t After(uint64_t start, double seconds) {
  return seconds > 0 ? start + static_cast<uint64_t>(seconds * 1e9) : kNever;
}

unsigned WaitReadable(std::initializer_list<int> fds, uint64_t deadline) {
  constexpr uint64_t kLongest = 3'600'000'000'000;
  std::vector<pollfd> polled;
  for (const int fd : fds) polled.push_back({.fd = fd, .events = POLLIN, .revents = 0});
  const uint64_t now = MonotonicNow();
  const uint64_t left = deadline > now ? std::min(deadline - now, kLongest) : 0;
  const timespec timeout{.tv_sec = static_cast<time_t>(left / 1'000'000'000),
                         .tv_nsec = static_cast<long>(left % 1'000'000'000)};
  if (::ppoll(polled.data(), polled.size(), &timeout, nullptr) <= 0) return 0;
  unsigned readable = 0;
  for (size_t i = 0; i < polled.size(); ++i) {
    if (polled[i].revents != 0) readable |= 1u << i;
  }
  return readable;
}

}  // namespace warp::tools
