// Processes that a bench starts and measures.
#ifndef WARP_PERF_MAP_PROCESS_H_
#define WARP_PERF_MAP_PROCESS_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace warp::perf {

// Says why on standard error, and exits.
[[noreturn]] void Fail(const std::string& what);

// Starts a program that ends with this process, even where that is killed. `out` becomes its standard output; -1: it
// keeps this process's.
pid_t Start(std::vector<std::string> command, int out);

// Seconds of CPU, the kernel's for it included.
double CpuSeconds(pid_t process);

}  // namespace warp::perf

#endif  // WARP_PERF_MAP_PROCESS_H_
