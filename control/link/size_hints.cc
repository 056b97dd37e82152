#include "control/link/size_hints.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <optional>
#include <utility>

namespace warp::control {

SizeHints::SizeHints(Loop& loop, int fd, std::function<void(const SizeHint&)> tell,
                     IcmpCounters& counters)
    : fd_(fd),
      tell_(std::move(tell)),
      counters_(counters),
      hear_again_(loop, [this] { Listen(true); }),
      watch_(loop, fd, 0, [this](uint32_t) { Take(); }) {
  counters_ = {};  // those of a port count from its opening on
}

void SizeHints::Take() {
  constexpr int kMostHints = 8;
  int told = 0;
  std::optional<SizeHint> hint;
  for (int i = 0; i < kMostRead; ++i) {
    if (!ReadIcmpError(fd_, &hint)) return;
    ++counters_.errors;
    if (hint.has_value() && told++ < kMostHints) tell_(*hint);
  }
  ++counters_.floods;
  Listen(false);
  hear_again_.Set(kDeafFor);
}

// One of the two is not the socket's where it is of IPv4.
void SizeHints::Listen(bool on) {
  const int value = on ? 1 : 0;
  setsockopt(fd_, IPPROTO_IP, IP_RECVERR, &value, sizeof(value));
  setsockopt(fd_, IPPROTO_IPV6, IPV6_RECVERR, &value, sizeof(value));
  // The last error stays the socket's without this, and every poll would return at once.
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
}

}  // namespace warp::control
