// DPDK's environment (EAL): initialised once per process, by the thread that becomes the control
// thread.
#ifndef WARP_DATAPLANE_LCORE_MEMORY_EAL_H_
#define WARP_DATAPLANE_LCORE_MEMORY_EAL_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"

namespace warp::lcore {

struct EalOptions {
  std::vector<int> worker_cpus;  // one entry per worker: the CPU it owns, or -1 to share what the
                                 // process may use
  int control_cpu = -1;          // of the calling thread
  bool hugepages = false;        // else --no-huge: anonymous memory, no privileges needed
  bool pci = false;              // probe the PCI bus
  uint32_t memory_mib = 0;       // what all pools and rings need; PlanPools says how much
};

// Worker w is EAL lcore w + 1; the calling thread becomes lcore 0, the main lcore, so that it has
// mempool caches like any other. An lcore without a CPU of its own may run on every CPU of the
// process (EAL's own default would pin it).
//
// AlreadyExists on a second call in one process: EAL cannot be initialised twice. InvalidArgument
// for a CPU that does not exist or is not ours; FailedPrecondition where hugepages or PCI are asked
// for and missing.
absl::Status InitEal(const EalOptions& options);

inline unsigned EalLcore(uint16_t worker) { return worker + 1u; }

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_MEMORY_EAL_H_
