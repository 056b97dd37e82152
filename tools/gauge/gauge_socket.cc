#include "tools/gauge/gauge_socket.h"

#include <linux/sock_diag.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/socket_address.h"
#include "dataplane/os/socket_options.h"
#include "dataplane/os/unix_address.h"

namespace warp::tools {
namespace {

constexpr int kSocketBuffer = 16 << 20;

absl::Status Failed(absl::string_view what, const GaugeAddress& where) {
  return os::ErrnoStatus(errno, "cannot ", what, " ", where.ToString());
}

// Calls bind or connect with an address of either kind.
int Call(int (*call)(int, const sockaddr*, socklen_t), int fd, const GaugeAddress& address) {
  if (address.is_unix()) {
    const os::UnixAddress unix_address = os::UnixAddress::Of(address.path()).value();
    return call(fd, unix_address.get(), unix_address.size());
  }
  const os::SocketAddress ip_address(address.endpoint());
  return call(fd, ip_address.get(), ip_address.size());
}

// Returns a name that no other gauge has.
GaugeAddress OwnPath() {
  static std::atomic<unsigned> sockets = 0;
  return {GaugeAddress::Kind::kDatagram,
          absl::StrCat("/tmp/warp-gauge-", getpid(), "-", ++sockets, ".sock")};
}

}  // namespace

uint64_t MonotonicNow() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

GaugeSocket::~GaugeSocket() {
  if (fd() >= 0 && !file_.empty()) unlink(file_.c_str());
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
  if (Call(bind, fd(), local) != 0) return Failed("listen on", local);
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
  if (Call(connect, socket->fd(), remote) != 0) return Failed("send to", remote);
  return socket;
}

bool GaugeSocket::HungUp() const {
  pollfd polled{.fd = fd(), .events = 0, .revents = 0};
  return poll(&polled, 1, 0) > 0 && (polled.revents & POLLHUP) != 0;
}

wire::Endpoint GaugeSocket::local() const {
  os::SocketAddress address;
  socklen_t size = os::SocketAddress::capacity();
  getsockname(fd(), address.get(), &size);
  return address.ToEndpoint().value_or(wire::Endpoint());
}

uint64_t GaugeSocket::overruns() const {
  std::array<uint32_t, SK_MEMINFO_VARS> info{};
  socklen_t size = sizeof info;
  getsockopt(fd(), SOL_SOCKET, SO_MEMINFO, info.data(), &size);
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
  int got = recvmmsg(fd, messages_.data(), kSize, MSG_DONTWAIT, nullptr);
  const auto is_empty = [this](int i) { return messages_[static_cast<size_t>(i)].msg_len == 0; };
  while (got > 1 && is_empty(got - 1) && is_empty(got - 2)) --got;
  return got > 0 ? static_cast<size_t>(got) : 0;
}

size_t ReceiveBatch::Return(int fd, size_t count) {
  for (size_t i = 0; i < count; ++i) vectors_[i].iov_len = messages_[i].msg_len;
  size_t at = 0, taken = 0;
  while (at < count) {
    const int sent = sendmmsg(fd, &messages_[at], static_cast<unsigned>(count - at), 0);
    if (sent < 0 && errno == EINTR) continue;
    // The first of the remaining datagrams was refused, so it is skipped.
    at += sent > 0 ? static_cast<size_t>(sent) : 1;
    taken += sent > 0 ? static_cast<size_t>(sent) : 0;
  }
  return taken;
}

}  // namespace warp::tools
