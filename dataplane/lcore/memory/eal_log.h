// What DPDK says when something of its fails: kept for the error sentence of the call that failed,
// printed nowhere.
#ifndef WARP_DATAPLANE_LCORE_MEMORY_EAL_LOG_H_
#define WARP_DATAPLANE_LCORE_MEMORY_EAL_LOG_H_

#include <string>

namespace warp::lcore {

// Redirects DPDK's log from stderr and syslog into a small buffer. Before EAL's initialisation;
// harmless twice.
void CaptureEalLog();

// Adds what a library beside DPDK says (libbpf). Any thread.
void AppendEalLog(const char* text);

// Forgets what was captured: call before what may fail.
void ClearEalLog();

// The first line since ClearEalLog, which names the cause (those after it only say that their
// callee failed), without the function's name and line end; empty where there was none. Any thread.
std::string FirstEalLogLine();

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_MEMORY_EAL_LOG_H_
