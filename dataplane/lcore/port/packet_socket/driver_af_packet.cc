#include "dataplane/lcore/port/packet_socket/driver_af_packet.h"

#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "dataplane/lcore/port/joined/made_up_link.h"
#include "dataplane/lcore/port/packet_socket/packet_filter.h"
#include "dataplane/lcore/port/socket_buffers.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/socket_options.h"
#include "dataplane/os/stop_point.h"

namespace warp::lcore {
namespace {

template <typename T>
bool SetOption(int fd, int level, int option, const T& value) {
  return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

absl::Status Refused(const KernelDevice& device, absl::string_view what) {
  return os::ErrnoStatus(errno, "interface ", device.interface, ": ", what);
}

absl::Status Prepare(int fd, const KernelDevice& device, const PacketFilter& filter) {
  // These are set before the socket is bound, so that not one frame gets past them.
  if (!AttachPacketFilter(fd, filter)) return Refused(device, "packet filter");
  if (!SetOption(fd, SOL_PACKET, PACKET_VNET_HDR, 1)) return Refused(device, "PACKET_VNET_HDR");
  // Spares the filter a look at what we send. Linux knows it since 4.20, and the filter does without it.
  SetOption(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
  // Frames go straight to the driver, since a queueing discipline in between would be one more queue that delays them.
  if (!SetOption(fd, SOL_PACKET, PACKET_QDISC_BYPASS, 1)) {
    return Refused(device, "PACKET_QDISC_BYPASS");
  }
  if (!os::EnlargeSocketBuffer(fd, os::SocketBuffer::kReceive, kReceiveBuffer) ||
      !os::EnlargeSocketBuffer(fd, os::SocketBuffer::kSend, kSendBuffer)) {
    return Refused(device, "large socket buffers need CAP_NET_ADMIN");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Port>> AfPacketPort::Open(const KernelDevice& device,
                                                         const PortSpec& spec, PortId id,
                                                         rte_mempool* rx_pool) {
  const absl::StatusOr<LinkInterface> interface = FindLinkInterface(device.interface);
  if (!interface.ok()) return interface.status();
  const bool whole_vlan = spec.vlan.id != 0 && !spec.vlan.of_kernel;
  if (spec.vlan.id != 0 && !interface->ethernet) {
    return absl::InvalidArgumentError(
        absl::StrCat("interface ", device.interface,
                     " has no Ethernet header, in which the tag of a VLAN stands"));
  }
  // With protocol 0 the socket receives nothing before it is bound.
  os::UniqueFd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket && (errno == EPERM || errno == EACCES)) {
    return absl::PermissionDeniedError("a raw socket needs root, or CAP_NET_RAW");
  }
  if (!socket) return Refused(device, "raw socket");
  absl::Status status = Prepare(socket.get(), device,
                                {.port = spec.listen_port,
                                 .ethernet = interface->ethernet,
                                 .vlan = spec.vlan.id,
                                 .whole_vlan = whole_vlan});
  if (!status.ok()) return status;
  if (whole_vlan && !HearWholeVlan(socket.get(), interface->index)) {
    return Refused(device, "promiscuous mode, for a VLAN that the kernel has no interface for");
  }
  WARP_STOP_POINT(device_binding);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = interface->index;
  socklen_t size = sizeof(address);
  if (bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return Refused(device, "packet socket");
  }
  wire::MacAddress mac = kSocketMac;
  if (interface->ethernet) std::copy_n(address.sll_addr, mac.bytes.size(), mac.bytes.begin());
  std::unique_ptr<AfPacketPort> port(
      new AfPacketPort(spec, id, rx_pool, std::move(socket), *interface, mac));
  absl::StatusOr<std::unique_ptr<SegmentationWatch>> watch = SegmentationWatch::Start(
      interface->index, [sender = &port->sender_](const Segmentation& segmentation) {
        sender->SetSegmentation(segmentation);
      });
  if (!watch.ok()) return watch.status();
  port->watch_ = *std::move(watch);
  return port;
}

AfPacketPort::AfPacketPort(const PortSpec& spec, PortId id, rte_mempool* rx_pool,
                           os::UniqueFd socket, const LinkInterface& interface,
                           const wire::MacAddress& mac)
    : Port(spec, id, rx_pool),
      socket_(std::move(socket)),
      receiver_(socket_.get(), rx_pool, interface.ethernet),
      sender_(socket_.get(), spec.mtu, interface.ethernet ? 0 : interface.index, spec.vlan.id) {
  poll_fd_ = socket_.get();
  mac_ = mac;
  kernel_sees_frames_ = spec.vlan.id == 0 || spec.vlan.of_kernel;
  has_link_layer_ = interface.ethernet;
  multi_segment_tx_ = true;
}

PortCounters AfPacketPort::Counters() const {
  tpacket_stats stats{};
  socklen_t size = sizeof(stats);
  if (getsockopt(poll_fd_, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0) {
    missed_ += stats.tp_drops;
  }
  return {.rx_packets = receiver_.packets(),
          .rx_bytes = receiver_.bytes(),
          .rx_missed = receiver_.missed() + missed_,
          .tx_packets = sender_.packets(),
          .tx_bytes = sender_.bytes()};
}

}  // namespace warp::lcore
