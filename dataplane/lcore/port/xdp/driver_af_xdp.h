// A kernel interface as a port, by the af_xdp driver. UDP to our port skips the kernel's stack, and all other traffic
// stays with the kernel.
//
// The XDP program is our own (warp_xdp.c), since the default of DPDK and libxdp takes every frame. Sending is our own,
// too (xsk_sender.h), since the driver waits where the interface's queue is stopped. The driver receives and makes the
// socket.
#ifndef WARP_DATAPLANE_LCORE_PORT_XDP_DRIVER_AF_XDP_H_
#define WARP_DATAPLANE_LCORE_PORT_XDP_DRIVER_AF_XDP_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "dataplane/lcore/port/ethdev/ethdev_port.h"
#include "dataplane/lcore/port/xdp/xsk_sender.h"
#include "dataplane/os/unique_fd.h"

namespace warp::lcore {

class AfXdpPort final : public EthdevPort {
 public:
  // Unavailable: this build has no XDP program, since clang or libbpf was missing. FailedPrecondition: the interface
  // has more than one channel or an XDP program of somebody else, or takes off the tags by which ports share it, or
  // packet buffers are larger than a page.
  static absl::StatusOr<std::unique_ptr<Port>> Open(const KernelDevice& device,
                                                    const PortSpec& spec, PortId id,
                                                    rte_mempool* rx_pool);
  ~AfXdpPort() override;

  uint16_t RxBurst(rte_mbuf** packets, uint16_t count) override {
    sender_->Flush();
    return EthdevPort::RxBurst(packets, count);
  }
  uint16_t TxBurst(rte_mbuf** packets, uint16_t count) override {
    return sender_->Send(packets, count);
  }
  PortCounters Counters() const override;

 private:
  using EthdevPort::EthdevPort;

  absl::Status PlugIn(const std::string& interface);

  int interface_ = 0;                // its index
  std::optional<XskSender> sender_;  // while open
  os::UniqueFd ear_;  // a socket that keeps the interface hearing all frames, where a VLAN needs it
  os::UniqueFd claim_;  // a socket whose name says that a living process uses the interface
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_XDP_DRIVER_AF_XDP_H_
