// Stands in for driver_af_xdp.cc where the compiler or the library for XDP programs was missing at build time.

#include "absl/status/status.h"
#include "dataplane/lcore/port/xdp/driver_af_xdp.h"

namespace warp::lcore {

absl::StatusOr<std::unique_ptr<Port>> AfXdpPort::Open(const KernelDevice&, const PortSpec&, PortId,
                                                      rte_mempool*) {
  return absl::UnavailableError(
      "driver af_xdp is not in this build: clang, libbpf or libxdp was missing when it was made; "
      "use af_packet");
}

AfXdpPort::~AfXdpPort() = default;

PortCounters AfXdpPort::Counters() const { return {}; }

}  // namespace warp::lcore
