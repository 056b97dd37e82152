// DPDK's environment (EAL). The thread that becomes the control thread initialises it, once per process.
#ifndef WARP_DATAPLANE_LCORE_MEMORY_EAL_H_
#define WARP_DATAPLANE_LCORE_MEMORY_EAL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace warp::lcore {

// With less memory EAL's own allocations would not fit beside the pools, so less is not set aside.
inline constexpr uint32_t kMinMemoryMib = 64;

struct EalOptions {
  // One entry per worker: the CPU that it owns, or -1 to share the CPUs of the process.
  std::vector<int> worker_cpus;
  int control_cpu = -1;    // of the calling thread
  bool hugepages = false;  // false: anonymous memory, which needs no privileges
  // DPDK's telemetry socket, dpdk_telemetry.v2 in its runtime directory (/var/run/dpdk/rte, or, without root,
  // $XDG_RUNTIME_DIR/dpdk/rte). A further process of this machine gets one whose name ends with a number.
  bool telemetry = false;
  // Addresses of the PCI devices that may be opened. They decide how all devices name memory (os/pci_bus.h), once for
  // the life of the process. Empty: the PCI bus is not looked at.
  std::vector<std::string> pci_devices;
  // What all pools and rings need, as PlanPools says. Without hugepages the pools have mappings of their own, and what
  // is left to EAL costs nothing until it is touched.
  uint32_t memory_mib = 0;
  // Those mappings are together no larger than this. Otherwise pools that are made later may need more.
  bool memory_is_limit = true;
};

// Worker w is EAL lcore w + 1. The calling thread becomes lcore 0, the main lcore, so that it has mempool caches like
// any other. An lcore without a CPU of its own may run on every CPU of the process, although EAL's default would pin
// it.
//
// AlreadyExists: the process has called before, and EAL cannot be initialised twice. InvalidArgument: a CPU does not
// exist or is not ours. FailedPrecondition: hugepages are missing, or the PCI devices need different ways to name
// memory.
absl::Status InitEal(const EalOptions& options);

// Hugepages of all sizes that nobody has taken, in MiB. EAL takes them for pools that are made later, too.
uint64_t FreeHugepagesMib();

inline unsigned EalLcore(uint16_t worker) { return worker + 1u; }

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_MEMORY_EAL_H_
