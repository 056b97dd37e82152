// A PCI network adapter as a port. It is taken from the kernel, or shared with it where its driver is bifurcated.
#ifndef WARP_DATAPLANE_LCORE_PORT_ETHDEV_DRIVER_PCI_H_
#define WARP_DATAPLANE_LCORE_PORT_ETHDEV_DRIVER_PCI_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/lcore/port/ethdev/ethdev_port.h"
#include "dataplane/lcore/port/ethdev/removal_request.h"
#include "dataplane/os/pci_bus.h"

namespace warp::lcore {

class PciPort final : public EthdevPort {
 public:
  // The address is "0000:3b:00.0" or "3b:00.0". NotFound: there is no such device. InvalidArgument: it is no network
  // card. FailedPrecondition: there are no hugepages, or the device is bound to a driver through which DPDK cannot
  // reach it, or which came since EAL started and needs another way to name memory.
  static absl::StatusOr<std::unique_ptr<Port>> Open(const PciDevice& device, const PortSpec& spec,
                                                    PortId id, rte_mempool* rx_pool);

  // Those of a device that is gone stay as they were.
  PortCounters Counters() const override;
  // kGone, too, where the device is bound to another driver, or the kernel asks for it.
  LinkState Link() const override;

 private:
  // It is made before the device is plugged in: a device that goes, or is replaced, while its driver begins is noticed.
  PciPort(const PortSpec& spec, PortId id, rte_mempool* rx_pool, const std::string& address)
      : EthdevPort(spec, id, rx_pool), binding_(address), request_(address) {}
  // vfio's device stays until it is released. That of another driver is gone without a question.
  bool gone() const { return request_.made() || !binding_.holds(); }

  const os::PciBinding binding_;
  const RemovalRequest request_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_ETHDEV_DRIVER_PCI_H_
