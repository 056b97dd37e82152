// The one place that knows every driver of a port. It stands above them, so that the interface (port.h) stands below.
#ifndef WARP_DATAPLANE_LCORE_PLANE_OPEN_PORT_H_
#define WARP_DATAPLANE_LCORE_PLANE_OPEN_PORT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "dataplane/lcore/port/port.h"
#include "dataplane/lcore/port/vlan/vlan_trunk.h"

namespace warp::lcore {

// Opens, configures and starts a port. The call blocks for milliseconds, or for as long as a driver likes, so that it
// is made on a thread of its own (device_call.h). Received frames come from `rx_pool`, which must outlive the port. A
// virtual device whose Ethernet device exists already (a test made it from rings) is taken as it is. An error says in
// one sentence what failed and why: no such interface, no permission, an MTU larger than the data rooms, more than one
// channel...
//
// `trunk` is used where the device has ports beside this one (PortSpec::device_vlans): that of the device, if it is
// open already, and afterwards that of the port.
absl::StatusOr<std::unique_ptr<Port>> OpenPort(const PortSpec& spec, PortId id,
                                               rte_mempool* rx_pool,
                                               std::shared_ptr<VlanTrunk>* trunk = nullptr);

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PLANE_OPEN_PORT_H_
