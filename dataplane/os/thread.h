// Threads beside those of the packet path.
#ifndef WARP_DATAPLANE_OS_THREAD_H_
#define WARP_DATAPLANE_OS_THREAD_H_

#include <functional>
#include <thread>

#include "absl/status/statusor.h"

namespace warp::os {

// Starts a thread that gets no signals, since those are the loop's thread's. Unavailable where the system has none left
// (RLIMIT_NPROC, pids.max of the control group): the constructor of std::thread would throw then.
absl::StatusOr<std::thread> StartThread(std::function<void()> run);

// The parent of this thread may be pinned to the CPU that it owns, and its children with it. From now on this thread
// runs wherever there is room.
void LeaveCpuOfParent();

}  // namespace warp::os

#endif  // WARP_DATAPLANE_OS_THREAD_H_
