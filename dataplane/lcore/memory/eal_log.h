// The log of DPDK. It is printed nowhere: its lines are kept for the error sentence of the call that failed. Each
// thread keeps its own, so that what fails at the same time on another thread, or on a worker, explains nothing here.
#ifndef WARP_DATAPLANE_LCORE_MEMORY_EAL_LOG_H_
#define WARP_DATAPLANE_LCORE_MEMORY_EAL_LOG_H_

#include <string>

namespace warp::lcore {

// Redirects DPDK's log from stderr and syslog into a small buffer. To be called before EAL is initialised; a second
// call is harmless.
void CaptureEalLog();

// Adds a line of a library that DPDK uses (libbpf).
void AppendEalLog(const char* text);

// Forgets what was captured. To be called before a call that may fail.
void ClearEalLog();

// The first line since ClearEalLog, without the function's name and the line's end; empty where there was none. The
// first line names the cause, while those after it only say that their callee failed.
std::string FirstEalLogLine();

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_MEMORY_EAL_LOG_H_
