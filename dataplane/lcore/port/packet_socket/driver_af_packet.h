// A kernel interface as a port, by a packet socket. The kernel goes on using the interface.
//
// It works where frames begin with an Ethernet header, and where they begin with the IP header (tun, ppp, raw IP of a
// modem). Workers read and write an Ethernet header all the same: there, the sender takes it off and the receiver makes
// one up, and the kernel finds the next hop if there is one.
//
// A port may be one VLAN of the interface: its frames leave with a tag, and the kernel takes the tag off what arrives.
// Each VLAN has a socket of its own, whose filter parts them, so that ports of one interface share nothing. Where the
// kernel has no interface for the VLAN, the socket takes all of its frames, for the companion.
//
// The socket is our own, because DPDK's net_af_packet moves one frame for each pass through the kernel. Ours sends a
// burst of one path in one pass (segment_sender.h), and cuts what arrives joined (segment_receiver.h). A classic BPF
// filter lets in only UDP to our port (packet_filter.h); the kernel still sees every frame. Sending never waits: frames
// are refused where the socket's send buffer is full or the interface is down.
#ifndef WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_DRIVER_AF_PACKET_H_
#define WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_DRIVER_AF_PACKET_H_

#include <memory>

#include "absl/status/statusor.h"
#include "dataplane/lcore/port/device.h"
#include "dataplane/lcore/port/packet_socket/segment_receiver.h"
#include "dataplane/lcore/port/packet_socket/segment_sender.h"
#include "dataplane/lcore/port/packet_socket/segmentation_watch.h"
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
    return receiver_.Receive(packets, count, &losses_.unbuffered);
  }
  uint16_t TxBurst(rte_mbuf** packets, uint16_t count) override {
    return sender_.Send(packets, count);
  }
  Refusal refusal() const override { return sender_.refusal(); }
  void SetInterfaceMtu(uint16_t mtu) override { sender_.SetMtu(mtu); }
  PortCounters Counters() const override;
  LinkState Link() const override { return LinkState::kUp; }
  bool segmentation() const override { return sender_.joins(); }

 private:
  // `socket` is bound to the interface.
  AfPacketPort(const PortSpec& spec, PortId id, rte_mempool* rx_pool, os::UniqueFd socket,
               const LinkInterface& interface, const wire::MacAddress& mac);

  const os::UniqueFd socket_;
  SegmentReceiver receiver_;
  SegmentSender sender_;
  // The sum of what the kernel told, which forgets a count once it has told it. Control thread.
  mutable uint64_t missed_ = 0;
  std::unique_ptr<SegmentationWatch> watch_;  // tells the sender
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_DRIVER_AF_PACKET_H_
