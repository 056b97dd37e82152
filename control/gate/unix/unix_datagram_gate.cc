#include "control/gate/unix/unix_datagram_gate.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "dataplane/os/socket_options.h"
#include "dataplane/os/unix_address.h"

namespace warp::control {
namespace {

using wire::Drop;

// Bytes that may lie unread at receivers: enough that a receiver that reads nothing leaves room for the next one.
constexpr int kSendBuffer = 8 << 20;

// The part of `queue` that lies in the socket; the rest is taken out of it. It is half, because a sender that need not
// wake the gate for each payload is worth as much as a gate that takes several at once.
size_t InSocket(size_t queue) { return std::max<size_t>(queue / 2, 1); }

}  // namespace

absl::StatusOr<std::unique_ptr<UnixDatagramGate>> UnixDatagramGate::Open(
    const UnixGateContext& context, ShortQueueSockets& sockets,
    const UnixDatagramGateOptions& options) {
  os::UnixAddress destination;
  if (options.deliver.has_value()) {
    absl::StatusOr<os::UnixAddress> address = os::UnixAddress::Of(*options.deliver);
    if (!address.ok()) return address.status();
    destination = *address;
  }
  absl::StatusOr<os::UniqueFd> fd = sockets.OpenDatagramSocket(InSocket(options.queue));
  if (!fd.ok()) return fd.status();
  os::EnlargeSocketBuffer(fd->get(), os::SocketBuffer::kSend, kSendBuffer);
  absl::StatusOr<os::UnixPath> path = os::UnixPath::Bind(fd->get(), options.path);
  if (!path.ok()) return path.status();
  return std::unique_ptr<UnixDatagramGate>(new UnixDatagramGate(
      context, {.fd = *std::move(fd), .path = *std::move(path)}, destination, options));
}

UnixDatagramGate::UnixDatagramGate(const UnixGateContext& context, UnixGateSocket socket,
                                   const os::UnixAddress& destination,
                                   const UnixDatagramGateOptions& options)
    : loop_(context.loop),
      receiver_(context.receiver),
      sink_(context.sink),
      socket_(std::move(socket)),
      in_socket_(InSocket(options.queue)),
      takes_(options.queue - in_socket_),
      learn_destination_(!options.deliver.has_value()),
      deadline_(options.deadline),
      more_(loop_, [this] { Take(); }),
      destination_(destination),
      look_soon_(loop_, [this] { SendWaiting(); }),
      look_later_(loop_, [this] { SendWaiting(); }),
      watch_(loop_, fd(), POLLIN, [this](uint32_t) {
        if (!more_.scheduled()) Take();
      }) {}

// --- Out of the application ---

void UnixDatagramGate::OnDone(size_t payloads) {
  held_.OnDone(payloads);
  more_.Schedule();
}

void UnixDatagramGate::Resume() { more_.Schedule(); }

void UnixDatagramGate::Take() {
  held_.Settle();
  if (!kept_.empty() && !GiveToSink()) return;
  if (peeked_ && held_.held() <= takes_) {
    peeked_ = false;
    UnixReceiver::Remove(fd());
    if (in_socket_ == 1) return;  // the socket is empty now, and the next arrival wakes the watch
  }
  for (size_t budget = kPayloadsPerTurn; !peeked_ && budget > 0;) {
    if (!TakeSome(budget)) return;
  }
  if (!peeked_) more_.Schedule();
}

// False: there is nothing more to take until the sink, the socket or a completion says so.
bool UnixDatagramGate::TakeSome(size_t& budget) {
  const bool peek = held_.held() == takes_;
  const UnixReceiver::Result result =
      peek ? receiver_.Peek(fd())
           : receiver_.Receive(fd(), std::min(takes_ - held_.held(), budget));
  if (receiver_.received() == 0) return false;
  counters_.drops.Add(Drop::kTooLarge, receiver_.too_large());
  if (learn_destination_ && receiver_.sender().is_reachable()) destination_ = receiver_.sender();
  budget -= std::min(budget, receiver_.received());
  const std::span<const wire::Bytes> payloads = receiver_.payloads();
  const size_t taken = payloads.empty() ? 0 : sink_.OnPayloads(payloads, {});
  counters_.from_app += taken;
  held_.Add(taken);
  if (peek) {
    peeked_ = taken == 1;
    if (payloads.empty()) UnixReceiver::Remove(fd());
  } else {
    for (const wire::Bytes payload : payloads.subspan(taken))
      kept_.emplace_back(payload.begin(), payload.end());
  }
  if (taken < payloads.size()) return false;
  return result == UnixReceiver::Result::kMore;
}

bool UnixDatagramGate::GiveToSink() {
  std::vector<wire::Bytes> payloads(kept_.begin(), kept_.end());
  const size_t taken = sink_.OnPayloads(payloads, {});
  counters_.from_app += taken;
  held_.Add(taken);
  kept_.erase(kept_.begin(), kept_.begin() + static_cast<ptrdiff_t>(taken));
  return kept_.empty();
}

// --- To the application ---

void UnixDatagramGate::Deliver(Delivery payload) {
  pending_.push_back(std::move(payload));
  if (pending_.size() == kPending) Flush();
}

void UnixDatagramGate::Flush() {
  if (pending_.empty()) return;
  if (!outbox_.empty()) SendWaiting();
  const size_t sent = outbox_.empty() ? SendPending() : 0;
  if (sent < pending_.size()) {
    const wire::Instant now = loop_.now();
    for (size_t i = sent; i < pending_.size(); ++i) {
      if (!outbox_.Add(pending_[i].bytes(), now + deadline_))
        counters_.drops.Add(Drop::kReceiverFull);
    }
    if (!look_soon_.scheduled() && !look_later_.running()) LookAgain();
  }
  pending_.clear();
}

// Returns how many payloads were sent or dropped, from the front.
size_t UnixDatagramGate::SendPending() {
  if (destination_.size() == 0) {
    DropReceiver(pending_.size());
    return pending_.size();
  }
  BuildHeaders();
  size_t first = 0;
  while (first < pending_.size()) {
    const int sent =
        sendmmsg(fd(), &headers_[first], static_cast<unsigned>(pending_.size() - first),
                 MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      first += static_cast<size_t>(sent);
      counters_.to_app += static_cast<size_t>(sent);
      continue;
    }
    if (errno == EINTR) continue;
    switch (OutcomeOf(errno)) {
      case UnixSend::kFull:
        last_progress_ = loop_.now();
        look_after_ = kFirstLook;
        return first;
      case UnixSend::kTooLarge:
        counters_.drops.Add(Drop::kTooLarge);
        ++first;
        break;
      default:
        DropReceiver(pending_.size() - first);
        return pending_.size();
    }
  }
  return first;
}

void UnixDatagramGate::BuildHeaders() {
  for (size_t i = 0; i < pending_.size(); ++i) {
    const wire::Bytes bytes = pending_[i].bytes();
    vectors_[i] = {.iov_base = const_cast<uint8_t*>(bytes.data()), .iov_len = bytes.size()};
    headers_[i].msg_hdr = {.msg_name = destination_.get(),
                           .msg_namelen = destination_.size(),
                           .msg_iov = &vectors_[i],
                           .msg_iovlen = 1,
                           .msg_control = nullptr,
                           .msg_controllen = 0,
                           .msg_flags = 0};
  }
}

void UnixDatagramGate::DropReceiver(size_t payloads) {
  counters_.drops.Add(Drop::kNoReceiver, payloads);
}

UnixSend UnixDatagramGate::TrySend(wire::Bytes payload) {
  while (sendto(fd(), payload.data(), payload.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                destination_.get(), destination_.size()) < 0) {
    if (errno != EINTR) return OutcomeOf(errno);
  }
  return UnixSend::kTaken;
}

// Sends what waits one by one, because a slow receiver has no room for several at once.
void UnixDatagramGate::SendWaiting() {
  const wire::Instant now = loop_.now();
  while (!outbox_.empty()) {
    const UnixSend outcome = TrySend(outbox_.front());
    if (outcome == UnixSend::kFull) break;
    outbox_.Pop();
    if (outcome == UnixSend::kTaken) {
      ++counters_.to_app;
      last_progress_ = now;
      look_after_ = kFirstLook;
    } else if (outcome == UnixSend::kTooLarge) {
      counters_.drops.Add(Drop::kTooLarge);
    } else {
      DropReceiver(1);
    }
  }
  counters_.drops.Add(Drop::kDeadline, outbox_.Expire(now));
  LookAgain();
}

// A receiver that has read something a moment ago will most likely read more soon, so the gate tries again at once.
void UnixDatagramGate::LookAgain() {
  if (outbox_.empty()) return look_later_.Cancel();
  if (loop_.now() - last_progress_ < kLookAtOnce) return look_soon_.Schedule();
  look_later_.Set(look_after_);
  look_after_ = std::min(look_after_ * 2, kLastLook);
}

GateStatus UnixDatagramGate::status() const {
  return {.holding = held_.not_done(),
          .waiting_to_app = outbox_.size(),
          .receiver = destination_.path()};
}

}  // namespace warp::control
