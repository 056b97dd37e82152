#include "dataplane/lcore/port/udp_socket/driver_udp.h"

#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dataplane/lcore/port/socket_buffers.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/socket_options.h"
#include "dataplane/os/stop_point.h"

namespace warp::lcore {
namespace {

absl::Status Refused(const KernelDevice& device, absl::string_view what) {
  return os::ErrnoStatus(errno, "interface ", device.interface, ": ", what);
}

bool Set(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

struct Socket {
  os::UniqueFd fd;
  bool v6 = true;
};

// A socket of IPv6 carries both families. A kernel that was started with ipv6.disable=1 has none.
Socket OpenSocket() {
  constexpr int kType = SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
  Socket socket{.fd = os::UniqueFd(::socket(AF_INET6, kType, IPPROTO_UDP))};
  if (!socket.fd && errno == EAFNOSUPPORT) {
    socket = {.fd = os::UniqueFd(::socket(AF_INET, kType, IPPROTO_UDP)), .v6 = false};
  }
  return socket;
}

// Every datagram has the flag "do not fragment", and is measured by the MTU of the interface alone: what the kernel has
// learned of a path is a hint for the protocol, which probes sizes itself.
bool PrepareV4(int fd) {
  return Set(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE) &&
         Set(fd, IPPROTO_IP, IP_RECVERR, 1);
}
bool PrepareV6(int fd) {
  return Set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0) &&
         Set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE) &&
         Set(fd, IPPROTO_IPV6, IPV6_RECVERR, 1) && Set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
}

int Bind(const Socket& socket, uint16_t port) {
  if (socket.v6) {
    const sockaddr_in6 any{
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_ANY_INIT};
    return bind(socket.fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof(any));
  }
  const sockaddr_in any{
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_ANY)}};
  return bind(socket.fd.get(), reinterpret_cast<const sockaddr*>(&any), sizeof(any));
}

absl::Status Prepare(const Socket& socket, const KernelDevice& device, int interface,
                     uint16_t port) {
  const int fd = socket.fd.get();
  if (!Set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, interface)) return Refused(device, "SO_BINDTOIFINDEX");
  if (!PrepareV4(fd) || !(socket.v6 ? PrepareV6(fd) : Set(fd, IPPROTO_IP, IP_PKTINFO, 1)))
    return Refused(device, "UDP socket");
  // Linux knows it since 5.0. Without it datagrams come one by one.
  Set(fd, SOL_UDP, UDP_GRO, 1);
  os::EnlargeSocketBuffer(fd, os::SocketBuffer::kReceive, kReceiveBuffer);
  os::EnlargeSocketBuffer(fd, os::SocketBuffer::kSend, kSendBuffer);
  WARP_STOP_POINT(device_binding);
  // Control has taken the port on every interface (its guard), and no other user may have it.
  if (!Set(fd, SOL_SOCKET, SO_REUSEPORT, 1) || Bind(socket, port) != 0)
    return Refused(device, absl::StrCat("UDP port ", port));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Port>> UdpPort::Open(const KernelDevice& device,
                                                    const PortSpec& spec, PortId id,
                                                    rte_mempool* rx_pool) {
  const auto interface = static_cast<int>(if_nametoindex(device.interface.c_str()));
  if (interface == 0) {
    return absl::NotFoundError(absl::StrCat("interface ", device.interface, ": no such interface"));
  }
  Socket socket = OpenSocket();
  if (!socket.fd) return Refused(device, "UDP socket");
  if (absl::Status status = Prepare(socket, device, interface, spec.listen_port); !status.ok())
    return status;
  return std::unique_ptr<Port>(new UdpPort(spec, id, rx_pool, std::move(socket.fd)));
}

UdpPort::UdpPort(const PortSpec& spec, PortId id, rte_mempool* rx_pool, os::UniqueFd socket)
    : Port(spec, id, rx_pool),
      socket_(std::move(socket)),
      receiver_(socket_.get(), rx_pool, spec.listen_port),
      sender_(socket_.get()) {
  poll_fd_ = socket_.get();
  error_fd_ = socket_.get();
  mac_ = kSocketMac;
  kernel_sees_frames_ = true;
  kernel_keeps_frames_ = false;
  has_link_layer_ = false;
  on_wire_ = false;  // The kernel sums.
  multi_segment_tx_ = true;
}

PortCounters UdpPort::Counters() const {
  // The kernel keeps one sum of what found no room and what had a wrong checksum.
  std::array<uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t size = sizeof(memory);
  getsockopt(poll_fd_, SOL_SOCKET, SO_MEMINFO, memory.data(), &size);
  return {.rx_packets = receiver_.packets(),
          .rx_bytes = receiver_.bytes(),
          .rx_missed = receiver_.missed() + memory[SK_MEMINFO_DROPS],
          .tx_packets = sender_.packets(),
          .tx_bytes = sender_.bytes()};
}

}  // namespace warp::lcore
