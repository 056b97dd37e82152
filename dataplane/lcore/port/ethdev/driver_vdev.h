// Any virtual device of DPDK as a port, for labs and tests: net_ring, net_memif, net_null, net_tap and others, by their
// device arguments.
#ifndef WARP_DATAPLANE_LCORE_PORT_ETHDEV_DRIVER_VDEV_H_
#define WARP_DATAPLANE_LCORE_PORT_ETHDEV_DRIVER_VDEV_H_

#include <memory>

#include "absl/status/statusor.h"
#include "dataplane/lcore/port/ethdev/ethdev_port.h"

namespace warp::lcore {

class VdevPort final : public EthdevPort {
 public:
  // The device arguments are "NAME" or "NAME,ARGUMENTS", as for DPDK's option --vdev:
  // "net_memif0,role=server,id=0,socket=/run/m".
  static absl::StatusOr<std::unique_ptr<Port>> Open(const VirtualDevice& device,
                                                    const PortSpec& spec, PortId id,
                                                    rte_mempool* rx_pool);

 private:
  using EthdevPort::EthdevPort;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_ETHDEV_DRIVER_VDEV_H_
