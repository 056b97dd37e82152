#include "dataplane/os/thread.h"

#include <pthread.h>
#include <sched.h>

#include <system_error>
#include <utility>

#include "dataplane/os/errno_status.h"
#include "dataplane/os/signals.h"

namespace warp::os {

absl::StatusOr<std::thread> StartThread(std::function<void()> run) {
  const BlockedSignals blocked(AllSignals());
  try {
    return std::thread(std::move(run));
  } catch (const std::system_error& error) {
    return ErrnoStatus(error.code().value(), "no thread");
  }
}

void NameThisThread(const char* name) { pthread_setname_np(pthread_self(), name); }

void RunOnAnyCpu() {
  cpu_set_t all;
  CPU_ZERO(&all);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) CPU_SET(cpu, &all);
  pthread_setaffinity_np(pthread_self(), sizeof(all), &all);
}

}  // namespace warp::os
