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
// How long the gate waits when the process is out of descriptors.
constexpr wire::Duration kAcceptRetry = std::chrono::milliseconds(100);

// Reading an empty record looks like reading the end. It is the end if the client has closed, or has shut its writing
// half down, and no bytes are behind it.
bool IsEnd(int fd) {
  pollfd entry = {.fd = fd, .events = POLLRDHUP, .revents = 0};
  int unread = 0;
  return poll(&entry, 1, 0) == 1 && ioctl(fd, SIOCINQ, &unread) == 0 && unread == 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<UnixSeqpacketGate>> UnixSeqpacketGate::Open(
    const UnixGateContext& context, const UnixSeqpacketGateOptions& options) {
  os::UniqueFd fd(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return os::ErrnoStatus(errno, "no socket");
  absl::StatusOr<os::UnixPath> path = os::UnixPath::Bind(fd.get(), options.path);
  if (!path.ok()) return path.status();
  if (listen(fd.get(), kBacklog) != 0) return os::ErrnoStatus(errno, options.path.path);
  return std::unique_ptr<UnixSeqpacketGate>(
      new UnixSeqpacketGate(context, {.fd = std::move(fd), .path = *std::move(path)}, options));
}

UnixSeqpacketGate::UnixSeqpacketGate(const UnixGateContext& context, UnixGateSocket socket,
                                     const UnixSeqpacketGateOptions& options)
    : loop_(context.loop),
      receiver_(context.receiver),
      sink_(context.sink),
      socket_(std::move(socket)),
      options_(options),
      more_(loop_, [this] { Take(); }),
      accept_later_(loop_, [this] { Accept(); }),
      accept_more_(loop_, [this] { Accept(); }),
      watch_(loop_, socket_.fd.get(), POLLIN, [this](uint32_t) {
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
    os::UniqueFd connection(
        accept4(socket_.fd.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
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
  held_.OnDone(payloads);
  more_.Schedule();
}

void UnixSeqpacketGate::Take() {
  held_.Settle();
  if (peeked_ && held_.held() < options_.queue) {
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

// Returns the client whose turn it is, and puts it behind the others.
UnixSeqpacketGate::Client* UnixSeqpacketGate::NextReadable() {
  for (auto client = clients_.begin(); client != clients_.end(); ++client) {
    if (!client->readable) continue;
    clients_.splice(clients_.end(), clients_, client);
    return &*client;
  }
  return nullptr;
}

// False: the sink has no more room. The client may have been removed afterwards.
bool UnixSeqpacketGate::TakeOne(Client& client) {
  const int fd = client.fd.get();
  const UnixReceiver::Result result = receiver_.Peek(fd);
  if (receiver_.received() == 0) {
    client.readable = false;
    if (result != UnixReceiver::Result::kFailed) return true;
    // ECONNRESET: the client has gone without reading everything, and what it sent before can be read after this error.
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
  if (sink_.OnPayloads(payloads, {}) == 0) return false;
  ++counters_.from_app;
  held_.Add(1);
  if (held_.held() < options_.queue) {
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

// False: the client is deaf.
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

// False: the payload must wait. True: it was sent or dropped, or the client has become deaf.
bool UnixSeqpacketGate::TrySend(Client& client, wire::Bytes payload) {
  while (send(client.fd.get(), payload.data(), payload.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
    if (errno == EINTR) continue;
    const UnixSend outcome = OutcomeOf(errno);
    if (outcome == UnixSend::kTooLarge) counters_.drops.Add(Drop::kTooLarge);
    // EPIPE: the client has shut its reading half down. Where it has gone, its socket becomes readable and says so.
    if (outcome == UnixSend::kRefused) client.deaf = true;
    return outcome != UnixSend::kFull;
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
  GateStatus status{.clients = clients_.size(), .holding = held_.not_done()};
  for (const Client& client : clients_) status.waiting_to_app += client.outbox.size();
  return status;
}

}  // namespace warp::control
