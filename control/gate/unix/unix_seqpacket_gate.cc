#include "control/gate/unix/unix_seqpacket_gate.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <utility>

#include "dataplane/os/errno_status.h"

namespace warp::control {
namespace {

using wire::Drop;

constexpr int kBacklog = 64;
constexpr wire::Duration kAcceptRetry =
    std::chrono::milliseconds(100);  // when the process is out of descriptors

// A record of no bytes reads as the end does. It is one if the client has closed, or shut down its
// writing half, and no bytes are behind it.
bool IsEnd(int fd) {
  pollfd entry = {.fd = fd, .events = POLLRDHUP, .revents = 0};
  int unread = 0;
  return poll(&entry, 1, 0) == 1 && ioctl(fd, SIOCINQ, &unread) == 0 && unread == 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<UnixSeqpacketGate>> UnixSeqpacketGate::Create(
    Loop& loop, UnixReceiver& receiver, const UnixSeqpacketGateOptions& options, GateSink& sink) {
  os::UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return os::ErrnoStatus(errno, "no socket");
  absl::StatusOr<os::UnixPath> path = os::UnixPath::Bind(fd.get(), options.path);
  if (!path.ok()) return path.status();
  if (listen(fd.get(), kBacklog) != 0) return os::ErrnoStatus(errno, options.path.path);
  return std::unique_ptr<UnixSeqpacketGate>(
      new UnixSeqpacketGate(loop, std::move(fd), *std::move(path), receiver, options, sink));
}

UnixSeqpacketGate::UnixSeqpacketGate(Loop& loop, os::UniqueFd fd, os::UnixPath path,
                                     UnixReceiver& receiver,
                                     const UnixSeqpacketGateOptions& options, GateSink& sink)
    : loop_(loop),
      fd_(std::move(fd)),
      path_(std::move(path)),
      receiver_(receiver),
      options_(options),
      sink_(sink),
      more_(loop, [this] { Take(); }),
      accept_later_(loop, [this] { Accept(); }),
      accept_more_(loop, [this] { Accept(); }),
      watch_(loop, fd_.get(), POLLIN, [this](uint32_t) {
        if (!accept_more_.scheduled()) Accept();
      }) {}

// --- Clients ---

UnixSeqpacketGate::Client::Client(UnixSeqpacketGate& gate, os::UniqueFd connection)
    : fd(std::move(connection)),
      expiry(gate.loop_, [this, &gate] { gate.SendWaiting(*this); }),
      watch(gate.loop_, fd.get(), POLLIN, [this, &gate](uint32_t) {
        readable = true;
        if (!gate.more_.scheduled()) gate.Take();
      }) {}

void UnixSeqpacketGate::Accept() {
  for (size_t i = 0; i < kAcceptsPerTurn; ++i) {
    os::UniqueFd connection(accept4(fd_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!connection) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno != EAGAIN) accept_later_.Set(kAcceptRetry);
      return;
    }
    if (clients_.size() < options_.max_clients) clients_.emplace_back(*this, std::move(connection));
  }
  accept_more_.Schedule();
}

void UnixSeqpacketGate::Remove(Client& client) {
  if (holder_ == &client) holder_ = nullptr;
  clients_.remove_if([&client](const Client& other) { return &other == &client; });
}

// --- Out of the applications ---

void UnixSeqpacketGate::OnDone(size_t payloads) {
  done_ += payloads;
  more_.Schedule();
}

void UnixSeqpacketGate::Take() {
  holding_ -= std::exchange(done_, 0);
  if (peeked_ && holding_ < options_.queue) {
    peeked_ = false;
    if (holder_ != nullptr) UnixReceiver::Remove(holder_->fd.get());
    holder_ = nullptr;
  }
  for (size_t budget = kPayloadsPerTurn; !peeked_; --budget) {
    if (budget == 0) return more_.Schedule();
    Client* const client = NextReadable();
    if (client == nullptr || !TakeOne(*client)) return;
  }
}

// The one whose turn it is; then it is the others'.
UnixSeqpacketGate::Client* UnixSeqpacketGate::NextReadable() {
  for (auto client = clients_.begin(); client != clients_.end(); ++client) {
    if (!client->readable) continue;
    clients_.splice(clients_.end(), clients_, client);
    return &*client;
  }
  return nullptr;
}

// False: the sink has no more room. The client may be gone afterwards.
bool UnixSeqpacketGate::TakeOne(Client& client) {
  const int fd = client.fd.get();
  const UnixReceiver::Result result = receiver_.Peek(fd);
  if (receiver_.received() == 0) {
    client.readable = false;
    if (result != UnixReceiver::Result::kFailed) return true;
    // It has gone without reading everything; what it sent before is told after this error.
    client.readable = errno == ECONNRESET;
    if (!client.readable) Remove(client);
    return true;
  }
  const std::span<const wire::Bytes> payloads = receiver_.payloads();
  if (payloads.empty()) {
    counters_.drops.Add(Drop::kTooLarge);
    UnixReceiver::Remove(fd);
    return true;
  }
  if (payloads[0].empty() && IsEnd(fd)) {
    Remove(client);
    return true;
  }
  if (sink_.OnPayloads(payloads) == 0) return false;
  ++counters_.from_app;
  ++holding_;
  if (holding_ < options_.queue) {
    UnixReceiver::Remove(fd);
  } else {
    peeked_ = true;
    holder_ = &client;
  }
  return true;
}

// --- To the applications ---

void UnixSeqpacketGate::Deliver(Delivery payload) {
  bool anybody = false;
  for (Client& client : clients_) anybody = Send(client, payload.bytes()) || anybody;
  if (!anybody) counters_.drops.Add(Drop::kNoReceiver);
}

// False where the client takes nothing at all.
bool UnixSeqpacketGate::Send(Client& client, wire::Bytes payload) {
  if (client.deaf) return false;
  if (client.outbox.empty() && TrySend(client, payload)) return !client.deaf;
  if (!client.outbox.Add(payload, loop_.now() + options_.deadline)) {
    counters_.drops.Add(Drop::kReceiverFull);
  } else if (client.outbox.size() == 1) {
    client.expiry.Set(options_.deadline);
    client.room = std::make_unique<Watch>(loop_, client.fd.get(), POLLOUT,
                                          [this, &client](uint32_t) { SendWaiting(client); });
  }
  return true;
}

// False where it must wait; true where it is done with.
bool UnixSeqpacketGate::TrySend(Client& client, wire::Bytes payload) {
  while (send(client.fd.get(), payload.data(), payload.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) return false;
    if (errno == EMSGSIZE) {
      counters_.drops.Add(Drop::kTooLarge);
    } else {
      client.deaf = true;  // EPIPE. If it is gone, its end comes by the other half
    }
    return true;
  }
  ++counters_.to_app;
  return true;
}

void UnixSeqpacketGate::SendWaiting(Client& client) {
  const wire::Instant now = loop_.now();
  UnixOutbox& outbox = client.outbox;
  counters_.drops.Add(Drop::kDeadline, outbox.Expire(now));
  while (!outbox.empty() && TrySend(client, outbox.front())) {
    if (client.deaf) counters_.drops.Add(Drop::kNoReceiver);
    outbox.Pop();
  }
  if (outbox.empty()) {
    client.expiry.Cancel();
    client.room.reset();
  } else {
    client.expiry.Set(outbox.deadline() - now);
  }
}

GateStatus UnixSeqpacketGate::status() const {
  GateStatus status{.clients = clients_.size(), .holding = holding_ - std::min(holding_, done_)};
  for (const Client& client : clients_) status.waiting_to_app += client.outbox.size();
  return status;
}

}  // namespace warp::control
