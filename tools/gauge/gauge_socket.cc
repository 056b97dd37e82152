#include "tools/gauge/gauge_socket.h"

#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/socket_options.h"
#include "dataplane/os/unix_address.h"

namespace warp::tools {
namespace {

constexpr int kSocketBuffer = 16 << 20;

absl::Status Failed(absl::string_view what, const GaugeAddress& where) {
  return os::ErrnoStatus(errno, "cannot ", what, " ", where.ToString());
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress ToSocketAddress(const GaugeAddress& address) {
  SocketAddress result;
  const wire::Endpoint& endpoint = address.endpoint();
  if (address.is_unix()) {
    const os::UnixAddress unix_address = os::UnixAddress::Of(address.path()).value();
    result.size = unix_address.size();
    std::memcpy(&result.storage, unix_address.get(), result.size);
    return result;
  }
  if (endpoint.address.is_v4()) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&result.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(endpoint.port);
    std::memcpy(&v4->sin_addr, endpoint.address.v4_bytes().data(), 4);
    result.size = sizeof *v4;
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(endpoint.port);
    std::memcpy(&v6->sin6_addr, endpoint.address.bytes().data(), 16);
    result.size = sizeof *v6;
  }
  return result;
}

wire::Endpoint FromSocketAddress(const sockaddr_storage& storage) {
  if (storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&storage);
    std::array<uint8_t, 4> bytes;
    std::memcpy(bytes.data(), &v4->sin_addr, 4);
    return {wire::IpAddress::V4(bytes), ntohs(v4->sin_port)};
  }
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&storage);
  std::array<uint8_t, 16> bytes;
  std::memcpy(bytes.data(), &v6->sin6_addr, 16);
  return {wire::IpAddress::V6(bytes), ntohs(v6->sin6_port)};
}

// A name that no other gauge has.
GaugeAddress OwnPath() {
  static std::atomic<unsigned> sockets = 0;
  return {GaugeAddress::Kind::kDatagram,
          absl::StrCat("/tmp/warp-gauge-", ::getpid(), "-", ++sockets, ".sock")};
}

}  // namespace

uint64_t MonotonicNow() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

GaugeSocket::~GaugeSocket() {
  if (fd() >= 0 && !file_.empty()) ::unlink(file_.c_str());
}

absl::StatusOr<GaugeSocket> GaugeSocket::Open(const GaugeAddress& like) {
  os::UniqueFd fd(::socket(like.family(), like.type() | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return Failed("open a socket for", like);
  // A Unix socket keeps a small buffer, because what lies in it was not sent yet.
  if (!like.is_unix()) {
    os::EnlargeSocketBuffer(fd.get(), os::SocketBuffer::kReceive, kSocketBuffer);
    os::EnlargeSocketBuffer(fd.get(), os::SocketBuffer::kSend, kSocketBuffer);
  }
  return GaugeSocket(std::move(fd));
}

absl::Status GaugeSocket::Bind(const GaugeAddress& local) {
  const SocketAddress address = ToSocketAddress(local);
  if (::bind(fd(), address.get(), address.size) != 0) return Failed("listen on", local);
  if (local.is_unix()) file_ = local.path();
  return absl::OkStatus();
}

absl::StatusOr<GaugeSocket> GaugeSocket::Listen(const GaugeAddress& local) {
  if (local.kind() == GaugeAddress::Kind::kSeqpacket) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot listen on ", local.ToString(), ": connect to such a gate"));
  }
  absl::StatusOr<GaugeSocket> socket = Open(local);
  if (!socket.ok()) return socket;
  if (absl::Status bound = socket->Bind(local); !bound.ok()) return bound;
  return socket;
}

absl::StatusOr<GaugeSocket> GaugeSocket::Connect(const GaugeAddress& remote,
                                                 const std::optional<GaugeAddress>& local) {
  absl::StatusOr<GaugeSocket> socket = Open(remote);
  if (!socket.ok()) return socket;
  std::optional<GaugeAddress> own = local;
  if (!own && remote.kind() == GaugeAddress::Kind::kDatagram) own = OwnPath();
  if (own && own->family() != remote.family()) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot send from ", own->ToString(), " to ", remote.ToString()));
  }
  if (own) {
    if (absl::Status bound = socket->Bind(*own); !bound.ok()) return bound;
  }
  const SocketAddress address = ToSocketAddress(remote);
  if (::connect(socket->fd(), address.get(), address.size) != 0) return Failed("send to", remote);
  return socket;
}

bool GaugeSocket::HungUp() const {
  pollfd polled{.fd = fd(), .events = 0, .revents = 0};
  return ::poll(&polled, 1, 0) > 0 && (polled.revents & POLLHUP) != 0;
}

wire::Endpoint GaugeSocket::local() const {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  ::getsockname(fd(), reinterpret_cast<sockaddr*>(&storage), &size);
  return FromSocketAddress(storage);
}

uint64_t GaugeSocket::overruns() const {
  std::array<uint32_t, SK_MEMINFO_VARS> info{};
  socklen_t size = sizeof info;
  ::getsockopt(fd(), SOL_SOCKET, SO_MEMINFO, info.data(), &size);
  return info[SK_MEMINFO_DROPS];
}

ReceiveBatch::ReceiveBatch() : buffers_(kSize * kRoom) {
  for (size_t i = 0; i < kSize; ++i) {
    vectors_[i] = {buffers_.data() + i * kRoom, kRoom};
    messages_[i].msg_hdr.msg_iov = &vectors_[i];
    messages_[i].msg_hdr.msg_iovlen = 1;
    messages_[i].msg_hdr.msg_name = &senders_[i];
  }
}

size_t ReceiveBatch::Receive(int fd) {
  for (size_t i = 0; i < kSize; ++i) {
    vectors_[i].iov_len = kRoom;
    messages_[i].msg_hdr.msg_namelen = sizeof senders_[i];
  }
  int got = ::recvmmsg(fd, messages_.data(), kSize, MSG_DONTWAIT, nullptr);
  const auto is_empty = [this](int i) { return messages_[static_cast<size_t>(i)].msg_len == 0; };
  while (got > 1 && is_empty(got - 1) && is_empty(got - 2)) --got;
  return got > 0 ? static_cast<size_t>(got) : 0;
}

size_t ReceiveBatch::Return(int fd, size_t count) {
  for (size_t i = 0; i < count; ++i) vectors_[i].iov_len = messages_[i].msg_len;
  size_t at = 0, taken = 0;
  while (at < count) {
    const int sent = ::sendmmsg(fd, &messages_[at], static_cast<unsigned>(count - at), 0);
    if (sent < 0 && errno == EINTR) continue;
    // The first of the rest was refused and is passed over.
    at += sent > 0 ? static_cast<size_t>(sent) : 1;
    taken += sent > 0 ? static_cast<size_t>(sent) : 0;
  }
  return taken;
}

}  // namespace warp::tools
