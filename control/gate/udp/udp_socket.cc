#include "control/gate/udp/udp_socket.h"

#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/socket_address.h"
#include "dataplane/os/socket_options.h"

namespace warp::control {
namespace {

absl::Status Explain(const wire::Endpoint& listen, int error) {
  switch (error) {
    case EADDRINUSE:
      return absl::AlreadyExistsError(
          absl::StrCat("the gate's address ", listen.ToString(), " is in use"));
    case EACCES:
    case EPERM:
      return absl::PermissionDeniedError(
          absl::StrCat("no permission to open a gate at ", listen.ToString()));
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
      return absl::UnavailableError(
          absl::StrCat("the gate's address ", listen.ToString(), " does not exist here: is ",
                       listen.address.is_loopback() ? "the loopback interface" : "its interface",
                       listen.address.is_v4() ? " up?" : " up, and IPv6 enabled?"));
    default:
      return os::ErrnoStatus(error, "cannot open a gate at ", listen.ToString());
  }
}

absl::Status JoinGroup(int fd, const wire::IpAddress& group, unsigned interface) {
  int result = 0;
  if (group.is_v4()) {
    ip_mreqn request{};
    request.imr_ifindex = static_cast<int>(interface);
    const auto bytes = group.v4_bytes();
    std::memcpy(&request.imr_multiaddr, bytes.data(), bytes.size());
    result = setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof(request));
  } else {
    ipv6_mreq request{};
    request.ipv6mr_interface = interface;
    std::memcpy(&request.ipv6mr_multiaddr, group.bytes().data(), group.bytes().size());
    result = setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &request, sizeof(request));
  }
  if (result == 0) return absl::OkStatus();
  return os::ErrnoStatus(errno, "the gate cannot join the group ", group.ToString());
}

// What is sent to groups leaves by it.
absl::Status SendBy(int fd, bool v4, unsigned interface) {
  int result = 0;
  if (v4) {
    ip_mreqn request{};
    request.imr_ifindex = static_cast<int>(interface);
    result = setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof(request));
  } else {
    const int index = static_cast<int>(interface);
    result = setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof(index));
  }
  if (result == 0) return absl::OkStatus();
  return os::ErrnoStatus(errno, "the gate cannot send to groups by its interface");
}

// The index of the interface; 0: as the kernel's routes say.
absl::StatusOr<unsigned> IndexOf(const Multicast& multicast) {
  if (multicast.interface.empty()) return 0u;
  const unsigned index = if_nametoindex(multicast.interface.c_str());
  if (index != 0) return index;
  return absl::UnavailableError(
      absl::StrCat("there is no interface ", multicast.interface, " for the gate's multicast"));
}

// Two gates, one of which takes what is sent to a group while the other one sends to it, would talk to each other for
// ever, and two such nodes with each other. So what this machine's gates send comes into none of them. A socket gets
// what is sent to its group by other interfaces than its own too, where somebody else has joined it there.
bool KeepApart(int fd, bool v4) {
  const auto set = [fd](int level, int option) {
    const int off = 0;
    return setsockopt(fd, level, option, &off, sizeof(off)) == 0;
  };
  if (v4) return set(IPPROTO_IP, IP_MULTICAST_LOOP) && set(IPPROTO_IP, IP_MULTICAST_ALL);
  set(IPPROTO_IPV6, IPV6_MULTICAST_ALL);  // Linux knows it since 4.20.
  return set(IPPROTO_IPV6, IPV6_MULTICAST_LOOP);
}

absl::Status TakePart(int fd, bool v4, const Multicast& multicast, unsigned interface) {
  if (interface == 0 && !multicast.group.has_value()) return absl::OkStatus();
  if (!KeepApart(fd, v4)) return os::ErrnoStatus(errno, "the gate cannot keep groups apart");
  if (interface != 0) {
    if (absl::Status status = SendBy(fd, v4, interface); !status.ok()) return status;
  }
  return multicast.group.has_value() ? JoinGroup(fd, *multicast.group, interface)
                                     : absl::OkStatus();
}

}  // namespace

absl::StatusOr<UdpSocket> OpenUdpSocket(const wire::Endpoint& listen, size_t receive_buffer,
                                        const Multicast& multicast) {
  const absl::StatusOr<unsigned> interface = IndexOf(multicast);
  if (!interface.ok()) return interface.status();
  // Bound to the group, the socket gets what is sent to the group, and nothing else.
  os::SocketAddress address({multicast.group.value_or(listen.address), listen.port}, *interface);
  os::UniqueFd fd(socket(address.family(), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP));
  if (!fd) return Explain(listen, errno);
  os::EnlargeSocketBuffer(fd.get(), os::SocketBuffer::kReceive, static_cast<int>(receive_buffer));
  if (bind(fd.get(), address.get(), address.size()) != 0) return Explain(listen, errno);
  socklen_t size = os::SocketAddress::capacity();
  if (getsockname(fd.get(), address.get(), &size) != 0) return Explain(listen, errno);
  absl::Status status = TakePart(fd.get(), listen.address.is_v4(), multicast, *interface);
  if (!status.ok()) return status;
  return UdpSocket{.fd = std::move(fd), .local = *address.ToEndpoint()};
}

}  // namespace warp::control
