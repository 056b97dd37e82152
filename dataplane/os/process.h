// What a process asks of the system for itself, and what the system lets it have.
#ifndef WARP_DATAPLANE_OS_PROCESS_H_
#define WARP_DATAPLANE_OS_PROCESS_H_

#include <cstddef>
#include <string>

namespace warp::os {

// A core dump would hold keys.
void ForbidCoreDumps();

// As many descriptors as the system grants: each gate is one, and a shell gives no more than 1024.
void RaiseDescriptorLimit();
// How many that is.
size_t DescriptorLimit();

// From now on this process cannot become another user or group: it gives up CAP_SETUID and CAP_SETGID, if it has them.
// Before any other thread is started.
void GiveUpUsers();

// The system buries whatever child of this process ends. The first process of a container is the parent of all that
// lose theirs, and each that nobody buries would keep its number for good.
void LeaveChildrenToSystem();

// Whether the machine has this CPU, online or not. Where the system does not say, it has.
bool CpuExists(int cpu);

// "RLIMIT_MEMLOCK is 64 KiB": what the system lets this process lock in memory, for the sentence about a refusal.
std::string MemlockText();

}  // namespace warp::os

#endif  // WARP_DATAPLANE_OS_PROCESS_H_
