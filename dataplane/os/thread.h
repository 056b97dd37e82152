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

// Of the calling thread. At most 15 characters, for ps(1).
void NameThisThread(const char* name);
// The parent may be pinned to the CPU that it owns, and its children with it. This thread goes wherever there is room.
void RunOnAnyCpu();

}  // namespace warp::os

#endif  // WARP_DATAPLANE_OS_THREAD_H_
