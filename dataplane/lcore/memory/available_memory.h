// How much memory a process may still take. What the machine has free is not enough to ask: a container, or a service
// with a limit of its own, is ended by the kernel when it takes more than its control groups allow.
#ifndef WARP_DATAPLANE_LCORE_MEMORY_AVAILABLE_MEMORY_H_
#define WARP_DATAPLANE_LCORE_MEMORY_AVAILABLE_MEMORY_H_

#include <cstdint>
#include <filesystem>

namespace warp::lcore {

// In bytes, without swap: the least of what the machine has left for programs and of what each control group that this
// process is in has left, of version 1 or 2 (cgroups(7)). Everything, where nothing says so. Reads a few files below
// `root`, and may wait for them.
uint64_t AvailableMemory(const std::filesystem::path& root = "/");

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_MEMORY_AVAILABLE_MEMORY_H_
