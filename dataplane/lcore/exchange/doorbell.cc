#include "dataplane/lcore/exchange/doorbell.h"

#include <rte_atomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "dataplane/os/stop_point.h"

namespace warp::lcore {

Doorbell::Doorbell() : fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

void Doorbell::Arm() {
  asleep_.store(true, std::memory_order_relaxed);
  rte_smp_mb();
  WARP_STOP_POINT(bell_armed);
}

void Doorbell::Disarm() {
  // The flag is still set: nobody rang, and there is nothing to read.
  if (asleep_.exchange(false, std::memory_order_relaxed)) return;
  WARP_STOP_POINT(bell_rung);
  uint64_t rings;
  // EAGAIN where the producer has cleared the flag and is about to write.
  [[maybe_unused]] const ssize_t read_size = read(fd(), &rings, sizeof(rings));
}

void Doorbell::Ring() {
  rte_smp_mb();
  if (!asleep_.load(std::memory_order_relaxed)) return;
  // Several producers may come at once. The one that clears the flag rings.
  if (!asleep_.exchange(false, std::memory_order_relaxed)) return;
  WARP_STOP_POINT(bell_cleared);
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = write(fd(), &one, sizeof(one));
}

}  // namespace warp::lcore
