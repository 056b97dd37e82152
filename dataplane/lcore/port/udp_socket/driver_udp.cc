#include "dataplane/lcore/port/udp_socket/driver_udp.h"

#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dataplane/lcore/port/joined/made_up_link.h"
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

// An unspecified address is every one.
int Bind(const Socket& socket, const wire::Endpoint& to) {
  if (socket.v6) {
    sockaddr_in6 address{.sin6_family = AF_INET6, .sin6_port = htons(to.port)};
    if (!to.address.is_unspecified())
      std::memcpy(&address.sin6_addr, to.address.bytes().data(), sizeof(address.sin6_addr));
    return bind(socket.fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  }
  sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(to.port)};
  if (!to.address.is_unspecified())
    std::memcpy(&address.sin_addr, to.address.v4_bytes().data(), sizeof(address.sin_addr));
  return bind(socket.fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
}

// By its index, or by its name where the kernel does not know the other way (before Linux 5.0).
bool BindToInterface(int fd, const KernelDevice& device, int interface) {
  return Set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, interface) ||
         setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device.interface.data(),
                    static_cast<socklen_t>(device.interface.size())) == 0;
}

// The address that stands for the interface.
absl::StatusOr<wire::IpAddress> AddressFor(const Socket& socket, const KernelDevice& device,
                                           const std::vector<wire::IpAddress>& addresses) {
  for (const wire::IpAddress& address : addresses) {
    if (socket.v6 || address.is_v4()) return address;
  }
  return absl::CancelledError(absl::StrCat("interface ", device.interface,
                                           " has no address to bind a socket to, and to ",
                                           "the interface itself this system lets none be bound"));
}

absl::Status Prepare(const Socket& socket, const KernelDevice& device,
                     const wire::Endpoint& local) {
  const int fd = socket.fd.get();
  if (!PrepareV4(fd) || !(socket.v6 ? PrepareV6(fd) : Set(fd, IPPROTO_IP, IP_PKTINFO, 1)))
    return Refused(device, "UDP socket");
  // Linux knows it since 5.0. Without it datagrams come one by one.
  Set(fd, SOL_UDP, UDP_GRO, 1);
  os::EnlargeSocketBuffer(fd, os::SocketBuffer::kReceive, kReceiveBuffer);
  os::EnlargeSocketBuffer(fd, os::SocketBuffer::kSend, kSendBuffer);
  WARP_STOP_POINT(device_binding);
  // Control has taken the port on every interface (its guard), and no other user may have it.
  if (!Set(fd, SOL_SOCKET, SO_REUSEPORT, 1) || Bind(socket, local) != 0)
    return Refused(device, absl::StrCat("UDP port ", local.port));
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
  PortSpec opened = spec;
  std::optional<wire::IpAddress> address;
  if (!BindToInterface(socket.fd.get(), device, interface)) {
    if (errno == ENODEV) return Refused(device, "UDP socket");
    const absl::StatusOr<wire::IpAddress> found = AddressFor(socket, device, spec.addresses);
    if (!found.ok()) return found.status();
    address = *found;
    absl::StrAppend(&opened.driver_reason, spec.driver_reason.empty() ? "" : "; ", "bound to ",
                    address->ToString(),
                    ", as this system lets no socket be bound to an interface");
  }
  const absl::Status status =
      Prepare(socket, device, {address.value_or(wire::IpAddress()), spec.listen_port});
  if (!status.ok()) return status;
  return std::unique_ptr<Port>(new UdpPort(opened, id, rx_pool, std::move(socket.fd),
                                           address.has_value() ? interface : 0, address));
}

UdpPort::UdpPort(const PortSpec& spec, PortId id, rte_mempool* rx_pool, os::UniqueFd socket,
                 int interface, const std::optional<wire::IpAddress>& address)
    : Port(spec, id, rx_pool),
      socket_(std::move(socket)),
      receiver_(socket_.get(), rx_pool, spec.listen_port),
      sender_(socket_.get(), interface) {
  address_ = address;
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
