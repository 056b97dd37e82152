#include "control/carrier/carrier_thread.h"

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "control/carrier/tcp_volume.h"
#include "dataplane/os/boot_clock.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/socket_address.h"
#include "dataplane/os/thread.h"

namespace warp::control {
namespace {

using lcore::CarrierHeader;
using wire::Duration;
using wire::Endpoint;
using wire::Instant;

// What waits here, and in TCP for its first departure: a few milliseconds of a slow link.
constexpr size_t kQueue = 24 * 1024;
constexpr int kNotSent = 16 * 1024;
constexpr size_t kFlush = 16 * 1024;
constexpr int kMessages = 32;  // taken from the port before the connection is looked at
constexpr size_t kDatagrams = 64;
// A connection of which the network has lost the memory is noticed by then.
constexpr int kUserTimeoutMs = 10'000, kKeepIdle = 10, kKeepInterval = 3, kKeepCount = 3;
// One that has lasted for so long was no failure, so the next attempt comes soon.
constexpr Duration kLasted = std::chrono::seconds(10);
// Between two looks at what a connection has cost, while there is much to do.
constexpr Duration kMeasure = std::chrono::milliseconds(100);

bool Set(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

// An index of 0 is no interface's, and takes a binding away: the connection would leave by any other one.
bool BindToInterface(int fd, const std::string& name) {
  const unsigned index = if_nametoindex(name.c_str());
  if (index == 0) return false;
  return Set(fd, SOL_SOCKET, SO_BINDTOIFINDEX, static_cast<int>(index)) ||
         setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name.data(),
                    static_cast<socklen_t>(name.size())) == 0;
}

}  // namespace

void Ring(int fd) {
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t size = write(fd, &one, sizeof(one));
}
void Hush(int fd) {
  uint64_t count;
  [[maybe_unused]] const ssize_t size = read(fd, &count, sizeof(count));
}

void CarrierThread::Run() {
  os::NameThisThread("warp-carrier");
  os::RunOnAnyCpu();
  while (!TakeOrders()) {
    const Instant now = os::Now();
    if (stream_ == nullptr && connecting_.get() < 0 && !targets_.empty() && next_ <= now) Dial(now);
    if (connecting_.get() >= 0 || (stream_ != nullptr && !open_)) {
      if (now > deadline_) Lose(now, "it did not answer in time");
    }
    if (is_silent(now)) Lose(now, "nothing came back through the connection");
    Sleep(now);
    Work(os::Now());
  }
  Drop();
  tls_.reset();
  shared_->gone = true;
}

// True: the end.
bool CarrierThread::TakeOrders() {
  if (shared_->ended) return true;
  const std::lock_guard lock(shared_->mutex);
  const bool anew = aims_ != shared_->aims;
  aims_ = shared_->aims;
  if (targets_ != shared_->targets) {
    targets_ = shared_->targets;
    next_target_ = 0;
    if (targets_.empty() || anew) next_ = {};
  }
  const bool leads_there = std::find(targets_.begin(), targets_.end(), target_) != targets_.end();
  if ((stream_ != nullptr || connecting_) && (anew || !leads_there)) {
    Drop();
    next_ = {};
    retries_ = 0;
  }
  if (const Instant now = os::Now(); now - measured_ >= kMeasure) {
    measured_ = now;
    status_.bytes = past_bytes_ + Volume();
  }
  Carrier::Status status = status_;
  if (targets_.empty()) status.state = Carrier::State::kIdle;
  if (targets_.empty()) status.reason.clear();
  Publish(status);
  return false;
}

// With the lock.
void CarrierThread::Publish(const Carrier::Status& status) {
  status_ = status;
  const Carrier::Status& last = shared_->status;
  const bool told = last.state == status.state && last.reason == status.reason &&
                    last.at == status.at && last.attempts == status.attempts;
  shared_->status = status;
  if (!told) Ring(shared_->changed.get());
}

void CarrierThread::Change(Carrier::State state, std::string reason) {
  const std::lock_guard lock(shared_->mutex);
  Carrier::Status status = status_;
  status.state = state;
  status.reason = std::move(reason);
  Publish(status);
}

// OpenSSL reads files when it is first used: here, and not on the owner's thread.
bool CarrierThread::PrepareTls() {
  if (tls_ != nullptr) return true;
  absl::StatusOr<std::unique_ptr<stream::TlsContext>> tls = stream::TlsContext::Client();
  if (tls.ok()) tls_ = *std::move(tls);
  return tls_ != nullptr;
}

void CarrierThread::Dial(Instant now) {
  target_ = targets_[next_target_++ % targets_.size()];
  deadline_ = now + options_.patience;
  ++status_.attempts;
  status_.at = target_.tcp;
  if (!PrepareTls()) return Lose(now, "there is no memory for TLS");
  const os::SocketAddress to(target_.tcp);
  os::UniqueFd fd(socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd) return Lose(now, os::ErrnoText(errno));
  if (!BindToInterface(fd.get(), options_.interface))
    return Lose(now, "it cannot be bound to the interface: " + os::ErrnoText(errno));
  Set(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
  Set(fd.get(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, kNotSent);
  Set(fd.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMs);
  Set(fd.get(), IPPROTO_TCP, TCP_KEEPIDLE, kKeepIdle);
  Set(fd.get(), IPPROTO_TCP, TCP_KEEPINTVL, kKeepInterval);
  Set(fd.get(), IPPROTO_TCP, TCP_KEEPCNT, kKeepCount);
  Set(fd.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
  if (connect(fd.get(), to.get(), to.size()) != 0 && errno != EINPROGRESS)
    return Lose(now, os::ErrnoText(errno));
  connecting_ = std::move(fd);
  Change(Carrier::State::kConnecting, status_.reason);
}

uint64_t CarrierThread::Volume() const {
  const int fd = stream_ != nullptr ? stream_->fd() : connecting_.get();
  return fd < 0 ? 0 : TcpVolume(fd, !target_.tcp.address.is_v4());
}

void CarrierThread::Drop() {
  past_bytes_ += Volume();
  status_.bytes = past_bytes_;
  connecting_.Close();
  stream_.reset();
  open_ = false;
  heard_ = false;
  unanswered_ = wire::kNever;
  status_.local = {};
  status_.state = Carrier::State::kWaiting;
}

void CarrierThread::Lose(Instant now, std::string reason) {
  const bool lasted = open_ && heard_ && now - opened_ > kLasted;
  Drop();
  retries_ = lasted ? 0 : retries_ + 1;
  const Duration most = std::min<Duration>(options_.retry_max,
                                           options_.retry * (int64_t{1} << std::min(retries_, 16)));
  std::uniform_int_distribution<int64_t> part(most.count() / 2, most.count());
  next_ = now + Duration(part(random_));
  Change(Carrier::State::kWaiting, std::move(reason));
}

void CarrierThread::Sleep(Instant now) {
  std::array<pollfd, 3> fds = {{{shared_->wake.get(), POLLIN, 0}, {-1, 0, 0}, {-1, 0, 0}}};
  if (may_take()) fds[1] = {shared_->socket.get(), POLLIN, 0};
  Duration timeout = std::chrono::seconds(60);
  if (connecting_) {
    fds[2] = {connecting_.get(), POLLOUT, 0};
    timeout = deadline_ - now;
  } else if (stream_ != nullptr) {
    const bool write = open_ && stream_->wants_to_write();
    fds[2] = {stream_->fd(), static_cast<short>(POLLIN | (write ? POLLOUT : 0)), 0};
    if (!open_) timeout = deadline_ - now;
    if (unanswered_ != wire::kNever)
      timeout = std::min(timeout, unanswered_ + options_.silence - now);
    if (more_) timeout = {};
  } else if (!targets_.empty()) {
    timeout = next_ - now;
  }
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(std::max(timeout, Duration{}));
  poll(fds.data(), fds.size(), static_cast<int>(ms.count()));
  if (fds[0].revents != 0) Hush(shared_->wake.get());
  connection_ready_ = fds[2].revents != 0;
}

void CarrierThread::Work(Instant now) {
  if (connecting_ && connection_ready_) Establish(now);
  if (stream_ != nullptr) Receive(now);
  TakeFromPort();
  if (open_) Flush(now);
}

void CarrierThread::Establish(Instant now) {
  int error = 0;
  socklen_t size = sizeof(error);
  getsockopt(connecting_.get(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return Lose(now, os::ErrnoText(error));
  os::SocketAddress own;
  size = os::SocketAddress::capacity();
  getsockname(connecting_.get(), own.get(), &size);
  local_ = own.ToEndpoint().value_or(Endpoint{}).address;
  stream_ =
      std::make_unique<stream::TlsStream>(*tls_, std::move(connecting_), kQueue, target_.name);
}

// The address is the map's own: it says which of its ports a datagram comes from, and nothing else.
void CarrierThread::Receive(Instant now) {
  const auto take = [this](const wire::StreamFrame& frame) {
    heard_ = true;
    unanswered_ = wire::kNever;
    CarrierHeader header = CarrierHeader::Of(local_, {target_.tcp.address, frame.udp_port});
    std::array<iovec, 2> parts = {
        {{&header, sizeof(header)}, {frame.datagram.data(), frame.datagram.size()}}};
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = parts.size();
    if (sendmsg(shared_->socket.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) ++status_.unread;
    return true;
  };
  more_ = stream_->Receive(kDatagrams, take);
  if (stream_->end() != stream::End::kNone) return Lose(now, stream_->reason());
  if (open_ || !stream_->open()) return;
  open_ = true;
  opened_ = now;
  ++status_.connections;
  status_.local = local_;
  Change(Carrier::State::kOpen, "");
}

// What comes while there is no connection is lost, as the port is down then.
void CarrierThread::TakeFromPort() {
  for (int i = 0; i < kMessages && may_take(); ++i) {
    const ssize_t size = recv(shared_->socket.get(), room_.data(), room_.size(), MSG_DONTWAIT);
    if (size < 0) return;
    if (size == 0) return NotePortGone();
    CarrierHeader header;
    if (static_cast<size_t>(size) < sizeof(header) || !open_) {
      ++status_.astray;
      continue;
    }
    std::memcpy(&header, room_.data(), sizeof(header));
    const Endpoint to = header.remote_endpoint();
    const wire::Bytes datagram(room_.data() + sizeof(header),
                               static_cast<size_t>(size) - sizeof(header));
    const bool sent =
        to.address == target_.tcp.address && to.port != 0 && stream_->Send(to.port, datagram);
    if (!sent) ++status_.astray;
    if (sent && unanswered_ == wire::kNever) unanswered_ = os::Now();
  }
}

// Only what TCP takes without a longer queue: the socket says so by POLLOUT (TCP_NOTSENT_LOWAT).
void CarrierThread::Flush(Instant now) {
  if (stream_->waiting() == 0) return;
  pollfd fd = {stream_->fd(), POLLOUT, 0};
  if (poll(&fd, 1, 0) != 1 || (fd.revents & POLLOUT) == 0) return;
  stream_->Flush(kFlush);
  if (stream_->end() != stream::End::kNone) Lose(now, stream_->reason());
}

// The port is closed, and its owner about to end this.
void CarrierThread::NotePortGone() {
  pollfd fd = {shared_->wake.get(), POLLIN, 0};
  poll(&fd, 1, 100);
}

bool CarrierThread::is_silent(Instant now) const {
  return open_ && unanswered_ != wire::kNever && now - unanswered_ >= options_.silence;
}

bool CarrierThread::may_take() const { return !open_ || stream_->waiting() < kQueue / 2; }

}  // namespace warp::control
