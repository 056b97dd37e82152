#include "control/lan/lan_socket.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "dataplane/os/errno_status.h"
#include "dataplane/os/socket_address.h"

namespace warp::control {
namespace {

constexpr uint32_t kGroupV4 = 0xe00000fe;  // 224.0.0.254
constexpr in6_addr kGroupV6 = {
    .__in6_u = {.__u6_addr8 = {0xff, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0x33, 0x3b}}};

// No announcement is longer.
constexpr size_t kLargest = 1300;

union GroupAddress {
  sockaddr any;
  sockaddr_in v4;
  sockaddr_in6 v6;
};

socklen_t AddressOf(LanSocket::Family family, int index, uint16_t port, GroupAddress* group) {
  if (family == LanSocket::Family::kV4) {
    group->v4 = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(kGroupV4)}};
    return sizeof(group->v4);
  }
  group->v6 = {.sin6_family = AF_INET6,
               .sin6_port = htons(port),
               .sin6_addr = kGroupV6,
               .sin6_scope_id = static_cast<uint32_t>(index)};
  return sizeof(group->v6);
}

bool Set(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

// In the group, and only in this one: what others on this machine have joined is not for us. What we send does not
// come back.
bool Join(int fd, LanSocket::Family family, int index, int hops) {
  if (family == LanSocket::Family::kV4) {
    const ip_mreqn group{
        .imr_multiaddr = {htonl(kGroupV4)}, .imr_address = {}, .imr_ifindex = index};
    return Set(fd, IPPROTO_IP, IP_RECVTTL, 1) && Set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) &&
           Set(fd, IPPROTO_IP, IP_MULTICAST_TTL, hops) &&
           Set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0) &&
           setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &group, sizeof(group)) == 0 &&
           setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof(group)) == 0;
  }
  const ipv6_mreq group{.ipv6mr_multiaddr = kGroupV6,
                        .ipv6mr_interface = static_cast<unsigned int>(index)};
  return Set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1) &&
         Set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0) &&
         Set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, hops) &&
         Set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0) &&
         Set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, index) &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_JOIN_GROUP, &group, sizeof(group)) == 0;
}

// -1: the kernel does not tell.
int HopsOf(const msghdr& message) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr;
       c = CMSG_NXTHDR(const_cast<msghdr*>(&message), c)) {
    const bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL;
    const bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT;
    int hops = 0;
    if ((!v4 && !v6) || c->cmsg_len < CMSG_LEN(sizeof(hops))) continue;
    std::memcpy(&hops, CMSG_DATA(c), sizeof(hops));
    return hops;
  }
  return -1;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LanSocket>> LanSocket::Open(Loop& loop, Family family,
                                                           const Interface& interface,
                                                           uint16_t port, int hops,
                                                           Handler handler) {
  const int domain = family == Family::kV4 ? AF_INET : AF_INET6;
  os::UniqueFd fd(socket(domain, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP));
  if (!fd) return os::ErrnoStatus(errno, "cannot make a socket");
  GroupAddress group{};
  const socklen_t size = AddressOf(family, interface.index, port, &group);
  // Bound to the group: nothing that is sent to this machine alone comes here.
  const bool bound = setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, interface.name.data(),
                                static_cast<socklen_t>(interface.name.size())) == 0 &&
                     Set(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1) &&
                     bind(fd.get(), &group.any, size) == 0;
  if (!bound) return os::ErrnoStatus(errno, "cannot bind a socket to the group");
  if (!Join(fd.get(), family, interface.index, hops))
    return os::ErrnoStatus(errno, "cannot join the group");
  return std::unique_ptr<LanSocket>(
      new LanSocket(loop, std::move(fd), family, interface, port, std::move(handler)));
}

LanSocket::LanSocket(Loop& loop, os::UniqueFd fd, Family family, const Interface& interface,
                     uint16_t port, Handler handler)
    : fd_(std::move(fd)),
      family_(family),
      index_(interface.index),
      port_(port),
      handler_(std::move(handler)),
      loop_(loop),
      hear_again_(loop,
                  [this] {
                    if (loud_.Expire(loop_.now())) Mute();
                  }),
      read_again_(loop, [this] { Read(); }),
      watch_(loop, fd_.get(), POLLIN, [this](uint32_t) {
        if (!read_again_.running()) Read();
      }) {}

bool LanSocket::Send(wire::Bytes datagram) {
  GroupAddress group{};
  const socklen_t size = AddressOf(family_, index_, port_, &group);
  return sendto(fd_.get(), datagram.data(), datagram.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                &group.any, size) == static_cast<ssize_t>(datagram.size());
}

void LanSocket::Read() {
  for (int i = 0; i < kReadAtATime; ++i) {
    if (!ReadOne()) return;
  }
  read_again_.Set(kReadAgain);
}

bool LanSocket::ReadOne() {
  std::array<uint8_t, kLargest> bytes;
  iovec vector{.iov_base = bytes.data(), .iov_len = bytes.size()};
  alignas(cmsghdr) char control[128];
  os::SocketAddress sender;
  msghdr message{};
  message.msg_name = sender.get();
  message.msg_namelen = os::SocketAddress::capacity();
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof(control);
  const ssize_t size = recvmsg(fd_.get(), &message, MSG_DONTWAIT);
  if (size < 0)
    return errno != EAGAIN && errno != EWOULDBLOCK;  // else: an error, which is read now
  const wire::IpAddress from = sender.ToEndpoint().value_or(wire::Endpoint()).address;
  if (loud_.Note(loop_.now(), from)) Mute();
  if (loud_.Has(from)) return true;
  const bool whole = (message.msg_flags & MSG_TRUNC) == 0;
  handler_(HopsOf(message), from, wire::Bytes(bytes.data(), whole ? static_cast<size_t>(size) : 0));
  return true;
}

void LanSocket::Mute() {
  loud_.Apply(fd_.get(), family_ == Family::kV6);
  if (loud_.NextExpiry() != wire::kNever) hear_again_.SetAt(loud_.NextExpiry());
}

}  // namespace warp::control
