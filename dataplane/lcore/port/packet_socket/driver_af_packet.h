// A kernel interface as a port, by a packet socket: works on anything, and the kernel goes on using the interface.
//
// The socket is our own instead of DPDK's net_af_packet, which moves one frame for each pass through the kernel: a burst of
// one path is one (segment_sender.h), and what arrives as one is cut here (segment_receiver.h). A classic BPF filter lets in
// only UDP to our port (packet_filter.h); the kernel still sees every frame. Sending never waits: where the socket's send
// buffer is full, or the interface is down, frames are refused.
#ifndef WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_DRIVER_AF_PACKET_H_
#define WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_DRIVER_AF_PACKET_H_

#include <memory>

#include "absl/status/statusor.h"
#include "dataplane/lcore/port/packet_socket/segment_receiver.h"
#include "dataplane/lcore/port/packet_socket/segment_sender.h"
#include "dataplane/lcore/port/port.h"
#include "dataplane/os/unique_fd.h"

namespace warp::lcore {

class AfPacketPort final : public Port {
 public:
  // Needs CAP_NET_RAW, and CAP_NET_ADMIN for socket buffers as large as they should be.
  static absl::StatusOr<std::unique_ptr<Port>> Open(const KernelDevice& device,
                                                    const PortSpec& spec, PortId id,
                                                    rte_mempool* rx_pool);

  uint16_t RxBurst(rte_mbuf** packets, uint16_t count) override {
    return receiver_.Receive(packets, count);
  }
  uint16_t TxBurst(rte_mbuf** packets, uint16_t count) override {
    return sender_.Send(packets, count);
  }
  PortCounters Counters() const override;
  bool LinkUp() const override { return true; }

 private:
  // `socket`: bound to its interface, and now the port's.
  AfPacketPort(const PortSpec& spec, PortId id, rte_mempool* rx_pool, os::UniqueFd socket,
               const wire::MacAddress& mac);

  const os::UniqueFd socket_;
  SegmentReceiver receiver_;
  SegmentSender sender_;
  mutable uint64_t missed_ = 0;  // control thread; the kernel forgets them when it has told
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_DRIVER_AF_PACKET_H_
