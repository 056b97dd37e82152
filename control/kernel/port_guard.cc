#include "control/kernel/port_guard.h"

#include <linux/errqueue.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/kernel_ports.h"
#include "dataplane/os/socket_address.h"

namespace warp::control {
namespace {

absl::Status Explain(uint16_t port, int error) {
  switch (error) {
    case EADDRINUSE:
      return absl::AlreadyExistsError(
          absl::StrCat("UDP port ", port, " is in use by another program on this machine"));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(absl::StrCat("no permission to take UDP port ", port));
    default:
      return os::ErrnoStatus(error, "cannot take UDP port ", port);
  }
}

int Bind(int fd, bool v6, uint16_t port) {
  if (v6) {
    const sockaddr_in6 any{
        .sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_ANY_INIT};
    return bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof(any));
  }
  const sockaddr_in any{
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_ANY)}};
  return bind(fd, reinterpret_cast<const sockaddr*>(&any), sizeof(any));
}

}  // namespace

absl::StatusOr<os::UniqueFd> GuardPort(uint16_t port) {
  constexpr int kType = SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
  bool v6 = true;
  os::UniqueFd fd(socket(AF_INET6, kType, IPPROTO_UDP));
  if (!fd && errno == EAFNOSUPPORT) {  // booted with ipv6.disable=1
    v6 = false;
    fd = os::UniqueFd(socket(AF_INET, kType, IPPROTO_UDP));
  }
  if (!fd) return Explain(port, errno);

  const int off = 0;
  if (v6 && setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) != 0)
    return Explain(port, errno);
  // The filter is attached before bind, so that not one datagram gets past it.
  sock_filter drop_all[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
  const sock_fprog program{.len = 1, .filter = drop_all};
  if (setsockopt(fd.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) != 0)
    return Explain(port, errno);
  // A socket without UDP_GRO would make the kernel cut each joined frame that comes by, only to drop the pieces. With
  // it, the kernel also joins what network adapters receive one by one, before the ports see it.
  const int on = 1;
  if (os::PacketSocketsJoin()) setsockopt(fd.get(), SOL_UDP, UDP_GRO, &on, sizeof(on));
  // ICMP errors are kept for ReadIcmpError. Without them a path's size is found all the same, only later.
  setsockopt(fd.get(), IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
  if (v6) setsockopt(fd.get(), IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
  if (Bind(fd.get(), v6, port) != 0) return Explain(port, errno);
  // Only now that it is known to be ours alone may the sockets of ports have it too, and no other user's. Each is bound
  // to an interface, so that what comes by that one is its own.
  if (setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
    return Explain(port, errno);
  return fd;
}

bool ReadIcmpError(int fd, std::optional<SizeHint>* hint) {
  hint->reset();
  os::SocketAddress to;
  alignas(cmsghdr) char control[512];
  msghdr message{.msg_name = to.get(),
                 .msg_namelen = os::SocketAddress::capacity(),
                 .msg_iov = nullptr,
                 .msg_iovlen = 0,
                 .msg_control = control,
                 .msg_controllen = sizeof(control),
                 .msg_flags = 0};
  if (recvmsg(fd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) return false;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    const bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
    const bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;
    sock_extended_err error{};
    if ((!v4 && !v6) || c->cmsg_len < CMSG_LEN(sizeof(error))) continue;
    std::memcpy(&error, CMSG_DATA(c), sizeof(error));
    if (error.ee_errno != EMSGSIZE) continue;
    const std::optional<wire::Endpoint> endpoint = to.ToEndpoint();
    if (endpoint) *hint = SizeHint{.to = endpoint->address, .mtu = error.ee_info};
  }
  return true;
}

}  // namespace warp::control
