#include "map-server/server/udp_socket.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <utility>

#include "dataplane/os/errno_status.h"
#include "dataplane/os/socket_address.h"
#include "dataplane/os/socket_options.h"
#include "map-server/constants.h"

namespace warp::map {
namespace {

// Room for a pktinfo of either family and the overflow counter.
constexpr size_t kControlRoom =
    CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(sizeof(uint32_t));

constexpr int kBindAttempts = 50;
constexpr std::chrono::milliseconds kBindInterval{20};

wire::IpAddress Address(const in_addr& address) {
  std::array<uint8_t, 4> bytes;
  std::memcpy(bytes.data(), &address, 4);
  return wire::IpAddress::V4(bytes);
}
wire::IpAddress Address(const in6_addr& address) {
  std::array<uint8_t, 16> bytes;
  std::memcpy(bytes.data(), &address, 16);
  return wire::IpAddress::V6(bytes);
}

template <typename T>
void Append(msghdr* header, cmsghdr** next, int level, int type, const T& value) {
  header->msg_controllen += CMSG_SPACE(sizeof(T));
  cmsghdr* message = *next == nullptr ? CMSG_FIRSTHDR(header) : CMSG_NXTHDR(header, *next);
  message->cmsg_level = level;
  message->cmsg_type = type;
  message->cmsg_len = CMSG_LEN(sizeof(T));
  std::memcpy(CMSG_DATA(message), &value, sizeof(T));
  *next = message;
}

bool Enable(int fd, int level, int option) {
  const int on = 1;
  return setsockopt(fd, level, option, &on, sizeof(on)) == 0;
}

// A map that was killed a moment ago holds its addresses until the kernel has torn down its io_uring: they are tried
// again for a second.
bool Bind(int fd, const os::SocketAddress& address, bool patient) {
  for (int attempt = 0; bind(fd, address.get(), address.size()) != 0; ++attempt) {
    if (errno != EADDRINUSE || !patient || attempt == kBindAttempts) return false;
    std::this_thread::sleep_for(kBindInterval);
  }
  return true;
}

}  // namespace

struct UdpSocket::Buffers {
  struct Slot {
    os::SocketAddress address;
    alignas(cmsghdr) std::array<uint8_t, kControlRoom> control;
    std::array<uint8_t, kDatagramRoom> data;
  };
  std::array<Slot, kBatch> slots;
  std::array<iovec, kBatch> vectors;
  std::array<mmsghdr, kBatch> headers;
};

UdpSocket::UdpSocket(os::UniqueFd fd, const wire::Endpoint& local, const Options& options)
    : fd_(std::move(fd)),
      local_(local),
      receive_(options.receive != nullptr ? options.receive : MakeBuffers()),
      send_(options.send != nullptr ? options.send : receive_) {}

std::shared_ptr<UdpSocket::Buffers> UdpSocket::MakeBuffers() { return std::make_shared<Buffers>(); }

UdpSocket::~UdpSocket() = default;

absl::StatusOr<std::unique_ptr<UdpSocket>> UdpSocket::Open(const wire::Endpoint& listen,
                                                           const Options& options) {
  const auto failure = [&listen](absl::string_view what) {
    return os::ErrnoStatus(errno, "cannot ", what, " ", listen.ToString());
  };
  const bool v4 = listen.address.is_v4();
  os::UniqueFd fd(socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return failure("make a socket for");
  const bool informed = v4 ? Enable(fd.get(), IPPROTO_IP, IP_PKTINFO)
                           : Enable(fd.get(), IPPROTO_IPV6, IPV6_RECVPKTINFO) &&
                                 Enable(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  if (!informed) return failure("set up a socket for");
  // Kernels that are not Linux's own (gVisor's, QEMU's user mode) do not tell what a full socket drops.
  (void)Enable(fd.get(), SOL_SOCKET, SO_RXQ_OVFL);
  os::EnlargeSocketBuffer(fd.get(), os::SocketBuffer::kReceive, options.buffer);
  os::EnlargeSocketBuffer(fd.get(), os::SocketBuffer::kSend, options.buffer);
  os::SocketAddress address(listen);
  socklen_t size = address.size();
  if (!Bind(fd.get(), address, options.patient) || getsockname(fd.get(), address.get(), &size) != 0)
    return failure("listen on");
  return std::unique_ptr<UdpSocket>(new UdpSocket(std::move(fd), *address.ToEndpoint(), options));
}

size_t UdpSocket::Receive(absl::FunctionRef<void(const Received&)> take) {
  Buffers& b = *receive_;
  for (size_t i = 0; i < kBatch; ++i) {
    b.vectors[i] = {b.slots[i].data.data(), b.slots[i].data.size()};
    b.headers[i] = {};
    b.headers[i].msg_hdr.msg_name = b.slots[i].address.get();
    b.headers[i].msg_hdr.msg_namelen = os::SocketAddress::capacity();
    b.headers[i].msg_hdr.msg_iov = &b.vectors[i];
    b.headers[i].msg_hdr.msg_iovlen = 1;
    b.headers[i].msg_hdr.msg_control = b.slots[i].control.data();
    b.headers[i].msg_hdr.msg_controllen = b.slots[i].control.size();
  }
  // The error of an earlier datagram concerns nobody here, and datagrams may wait behind it. An error that stays must
  // not hold up the map's only thread.
  constexpr int kTries = 8;
  int count = -1;
  for (int tries = 0; count < 0 && tries < kTries; ++tries) {
    count = recvmmsg(fd_.get(), b.headers.data(), kBatch, MSG_DONTWAIT, nullptr);
    if (count < 0 && errno == EAGAIN) break;
  }
  if (count <= 0) return 0;
  for (size_t i = 0; i < static_cast<size_t>(count); ++i) {
    msghdr& header = b.headers[i].msg_hdr;
    Received received;
    received.from = *b.slots[i].address.ToEndpoint();  // a UDP socket has no other families
    received.datagram = {b.slots[i].data.data(), b.headers[i].msg_len};
    received.whole = (header.msg_flags & MSG_TRUNC) == 0;
    for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
      if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
        in_pktinfo info;
        std::memcpy(&info, CMSG_DATA(c), sizeof(info));
        received.to = Address(info.ipi_spec_dst);
      } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
        in6_pktinfo info;
        std::memcpy(&info, CMSG_DATA(c), sizeof(info));
        received.to = Address(info.ipi6_addr);
        if (received.to.is_link_local()) received.interface = info.ipi6_ifindex;
      } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
        uint32_t total;
        std::memcpy(&total, CMSG_DATA(c), sizeof(total));
        overflow_ += total - overflow_seen_;  // the kernel's counter wraps
        overflow_seen_ = total;
      }
    }
    take(received);
  }
  return static_cast<size_t>(count);
}

uint64_t UdpSocket::TakeOverflow() { return std::exchange(overflow_, 0); }

size_t UdpSocket::Send(std::span<const Sent> batch) {
  Buffers& b = *send_;
  for (size_t i = 0; i < batch.size(); ++i) {
    const Sent& sent = batch[i];
    Buffers::Slot& slot = b.slots[i];
    b.vectors[i] = {const_cast<uint8_t*>(sent.datagram.data()), sent.datagram.size()};
    b.headers[i] = {};
    msghdr& header = b.headers[i].msg_hdr;
    slot.address = os::SocketAddress(sent.to, sent.interface);
    header.msg_name = slot.address.get();
    header.msg_namelen = slot.address.size();
    header.msg_iov = &b.vectors[i];
    header.msg_iovlen = 1;
    if (sent.from.is_unspecified()) continue;
    slot.control = {};
    header.msg_control = slot.control.data();
    cmsghdr* last = nullptr;
    if (sent.from.is_v4()) {
      in_pktinfo info{};
      std::memcpy(&info.ipi_spec_dst, sent.from.v4_bytes().data(), 4);
      Append(&header, &last, IPPROTO_IP, IP_PKTINFO, info);
    } else {
      in6_pktinfo info{};
      std::memcpy(&info.ipi6_addr, sent.from.bytes().data(), 16);
      info.ipi6_ifindex = sent.interface;
      Append(&header, &last, IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
  }
  size_t taken = 0;
  for (size_t i = 0; i < batch.size();) {
    const int count = sendmmsg(fd_.get(), b.headers.data() + i,
                               static_cast<unsigned>(batch.size() - i), MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    // One that cannot be sent (no route, no room) does not hold up those behind it.
    if (count > 0) taken += static_cast<size_t>(count);
    i += static_cast<size_t>(std::max(count, 1));
  }
  return taken;
}

}  // namespace warp::map
