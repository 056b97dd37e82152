// The memory of pools where there are no reserved hugepages.
//
// EAL's own memory consists of small pages then, and a pool touches each page of its memory when it is made: some
// 30,000 page faults, half a second of a start on a virtual machine. A pool therefore gets a mapping of its own, for
// which the kernel is asked for transparent huge pages: a few dozen faults. Where it has none to give, the pages are
// small, and all is as it would be without asking.
#ifndef WARP_DATAPLANE_LCORE_MEMORY_POOL_MEMORY_H_
#define WARP_DATAPLANE_LCORE_MEMORY_POOL_MEMORY_H_

#include <rte_mempool.h>

#include <cstdint>

namespace warp::lcore {

// Sets how many bytes all pools of the process may take together. Called once, before the first pool is made.
void LimitPoolMemory(uint64_t bytes);

// Gives a pool that has its operations memory for all its objects, which goes with the pool. Returns 0 or an error
// number; ENOMEM: the limit is reached, or the kernel has no more. Any thread.
int PopulatePool(rte_mempool* pool);

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_MEMORY_POOL_MEMORY_H_
