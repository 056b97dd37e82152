// Lets a thread that found nothing to do sleep without missing items that arrive meanwhile.
//
//   sleeper                              producer
//   Arm: flag := true, full fence        push the batch
//   look once more at every queue        Ring: full fence, flag set? clear it, write the eventfd
//   nothing: poll(fd)
//   Disarm: flag := false, empty the fd
//
// The side whose fence comes second sees what the other side wrote. So either the sleeper finds the item or the
// producer finds the flag.
#ifndef WARP_DATAPLANE_LCORE_EXCHANGE_DOORBELL_H_
#define WARP_DATAPLANE_LCORE_EXCHANGE_DOORBELL_H_

#include <atomic>

#include "dataplane/os/unique_fd.h"

namespace warp::lcore {

class Doorbell {
 public:
  // fd() is -1 where the process has no descriptor left.
  Doorbell();
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  int fd() const { return fd_.get(); }

  // Sleeper.
  void Arm();
  void Disarm();
  // Any producer, once per batch, after pushing it.
  void Ring();
  // Any thread: the sleeper is about to sleep, or sleeps, and nobody has rung.
  bool armed() const { return asleep_.load(std::memory_order_relaxed); }

 private:
  const os::UniqueFd fd_;
  alignas(64) std::atomic<bool> asleep_{false};
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_EXCHANGE_DOORBELL_H_
