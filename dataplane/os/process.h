// What a daemon asks of the system for itself as it starts.
#ifndef WARP_DATAPLANE_OS_PROCESS_H_
#define WARP_DATAPLANE_OS_PROCESS_H_

namespace warp::os {

// A core dump would hold keys.
void ForbidCoreDumps();

// As many descriptors as the system grants: each gate is one, and a shell gives no more than 1024.
void RaiseDescriptorLimit();

}  // namespace warp::os

#endif  // WARP_DATAPLANE_OS_PROCESS_H_
