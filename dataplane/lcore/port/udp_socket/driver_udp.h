// A kernel interface as a port, by a UDP socket of the kernel's. It works on every interface, with an Ethernet header
// or without, and needs no right. The kernel finds the way and the next hop, and what leaves and arrives passes its
// packet filter and its queueing disciplines as any program's datagrams do.
//
// Workers send and receive frames all the same, so that there is one pipeline: the socket's sender takes their headers
// off (udp_sender.h), and its receiver puts some on (udp_receiver.h). Datagrams are never fragmented: what is larger
// than the interface lets through is refused, and the sizes that routers tell by ICMP are hints, which wait in the
// socket's error queue for control.
#ifndef WARP_DATAPLANE_LCORE_PORT_UDP_SOCKET_DRIVER_UDP_H_
#define WARP_DATAPLANE_LCORE_PORT_UDP_SOCKET_DRIVER_UDP_H_

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "dataplane/lcore/port/port.h"
#include "dataplane/lcore/port/udp_socket/udp_receiver.h"
#include "dataplane/lcore/port/udp_socket/udp_sender.h"
#include "dataplane/os/unique_fd.h"

namespace warp::lcore {

class UdpPort final : public Port {
 public:
  // The socket is bound to `spec.listen_port`, and to the interface, which an unbound socket may be without any right
  // since Linux 5.7. Where the system refuses that, it is bound to the first of `spec.addresses` instead: what comes to
  // it by another interface is then the port's as well, and what it sends still leaves by its own. Cancelled: there is
  // no such address now. Another socket of that port without an interface must be the same user's and allow
  // it (SO_REUSEPORT), as the guard of control does. Without CAP_NET_ADMIN its buffers are as large as the system's
  // limits allow.
  static absl::StatusOr<std::unique_ptr<Port>> Open(const KernelDevice& device,
                                                    const PortSpec& spec, PortId id,
                                                    rte_mempool* rx_pool);

  uint16_t RxBurst(rte_mbuf** packets, uint16_t count) override {
    return receiver_.Receive(packets, count, &losses_.unbuffered);
  }
  uint16_t TxBurst(rte_mbuf** packets, uint16_t count) override {
    return sender_.Send(packets, count);
  }
  Refusal refusal() const override { return sender_.refusal(); }
  PortCounters Counters() const override;
  LinkState Link() const override { return LinkState::kUp; }
  bool segmentation() const override { return sender_.joins(); }

 private:
  // `interface` is 0 where the socket is bound to it, and `address` what it is bound to otherwise.
  UdpPort(const PortSpec& spec, PortId id, rte_mempool* rx_pool, os::UniqueFd socket, int interface,
          const std::optional<wire::IpAddress>& address);

  const os::UniqueFd socket_;
  UdpReceiver receiver_;
  UdpSender sender_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_UDP_SOCKET_DRIVER_UDP_H_
