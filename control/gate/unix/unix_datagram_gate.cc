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

// What may lie unread at receivers. One that reads nothing must not use it up for the next.
constexpr int kSendBuffer = 8 << 20;

// Of `queue`, the part that lies in the socket; the rest is taken out. Half, since a sender that
// need not wake the gate for each payload is worth as much as a gate that takes several at once.
size_t InSocket(size_t queue) { return std::max<size_t>(queue / 2, 1); }

}  // namespace

absl::StatusOr<std::unique_ptr<UnixDatagramGate>> UnixDatagramGate::Create(
    Loop& loop, UnixSocketRoom& room, UnixReceiver& receiver,
    const UnixDatagramGateOptions& options, GateSink& sink) {
  os::UnixAddress destination;
  if (options.deliver.has_value()) {
    absl::StatusOr<os::UnixAddress> address = os::UnixAddress::Of(*options.deliver);
    if (!address.ok()) return address.status();
    destination = *address;
  }
  absl::StatusOr<os::UniqueFd> fd = room.MakeDatagramSocket(InSocket(options.queue));
  if (!fd.ok()) return fd.status();
  os::EnlargeSocketBuffer(fd->get(), os::SocketBuffer::kSend, kSendBuffer);
  absl::StatusOr<os::UnixPath> path = os::UnixPath::Bind(fd->get(), options.path);
  if (!path.ok()) return path.status();
  std::unique_ptr<UnixDatagramGate> gate(
      new UnixDatagramGate(loop, *std::move(fd), *std::move(path), receiver, options, sink));
  gate->destination_ = destination;
  return gate;
}

UnixDatagramGate::UnixDatagramGate(Loop& loop, os::UniqueFd fd, os::UnixPath path,
                                   UnixReceiver& receiver, const UnixDatagramGateOptions& options,
                                   GateSink& sink)
    : loop_(loop),
      fd_(std::move(fd)),
      path_(std::move(path)),
      receiver_(receiver),
      sink_(sink),
      in_socket_(InSocket(options.queue)),
      takes_(options.queue - in_socket_),
      learn_destination_(!options.deliver.has_value()),
      deadline_(options.deadline),
      more_(loop, [this] { Take(); }),
      look_soon_(loop, [this] { SendWaiting(); }),
      look_later_(loop, [this] { SendWaiting(); }),
      watch_(loop, fd_.get(), POLLIN, [this](uint32_t) {
        if (!more_.scheduled()) Take();
      }) {}

// --- Out of the application ---

void UnixDatagramGate::OnDone(size_t payloads) {
  done_ += payloads;
  more_.Schedule();
}

void UnixDatagramGate::Resume() { more_.Schedule(); }

void UnixDatagramGate::Take() {
  holding_ -= std::exchange(done_, 0);
  if (!kept_.empty() && !GiveToSink()) return;
  if (peeked_ && holding_ <= takes_) {
    peeked_ = false;
    UnixReceiver::Remove(fd_.get());
    if (in_socket_ == 1) return;  // it is empty now: the next arrival is told
  }
  for (size_t budget = kPayloadsPerTurn; !peeked_ && budget > 0;) {
    if (!TakeSome(budget)) return;
  }
  if (!peeked_) more_.Schedule();
}

// False: nothing more before something happens.
bool UnixDatagramGate::TakeSome(size_t& budget) {
  const bool peek = holding_ == takes_;
  const UnixReceiver::Result result =
      peek ? receiver_.Peek(fd_.get())
           : receiver_.Receive(fd_.get(), std::min(takes_ - holding_, budget));
  if (receiver_.received() == 0) return false;
  counters_.drops.Add(Drop::kTooLarge, receiver_.too_large());
  if (learn_destination_ && receiver_.sender().is_reachable()) destination_ = receiver_.sender();
  budget -= std::min(budget, receiver_.received());
  const std::span<const wire::Bytes> payloads = receiver_.payloads();
  const size_t taken = payloads.empty() ? 0 : sink_.OnPayloads(payloads);
  counters_.from_app += taken;
  holding_ += taken;
  if (peek) {
    peeked_ = taken == 1;
    if (payloads.empty()) UnixReceiver::Remove(fd_.get());
  } else {
    for (const wire::Bytes payload : payloads.subspan(taken))
      kept_.emplace_back(payload.begin(), payload.end());
  }
  if (taken < payloads.size()) return false;
  return result == UnixReceiver::Result::kMore;
}

bool UnixDatagramGate::GiveToSink() {
  std::vector<wire::Bytes> payloads(kept_.begin(), kept_.end());
  const size_t taken = sink_.OnPayloads(payloads);
  counters_.from_app += taken;
  holding_ += taken;
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

// How many are done with, from the front.
size_t UnixDatagramGate::SendPending() {
  if (destination_.size() == 0) {
    DropReceiver(pending_.size());
    return pending_.size();
  }
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
  size_t first = 0;
  while (first < pending_.size()) {
    const int sent =
        sendmmsg(fd_.get(), &headers_[first], static_cast<unsigned>(pending_.size() - first),
                 MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0) {
      first += static_cast<size_t>(sent);
      counters_.to_app += static_cast<size_t>(sent);
    } else if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) {
      last_progress_ = loop_.now();
      look_after_ = kFirstLook;
      return first;
    } else if (errno == EMSGSIZE) {
      counters_.drops.Add(Drop::kTooLarge);
      ++first;
    } else if (errno != EINTR) {  // nobody there, or nobody who takes from us
      DropReceiver(pending_.size() - first);
      return pending_.size();
    }
  }
  return first;
}

void UnixDatagramGate::DropReceiver(size_t payloads) {
  counters_.drops.Add(Drop::kNoReceiver, payloads);
}

// What waits goes one by one: a receiver that is slow takes no more at once.
void UnixDatagramGate::SendWaiting() {
  const wire::Instant now = loop_.now();
  while (!outbox_.empty()) {
    const wire::Bytes bytes = outbox_.front();
    const ssize_t sent = sendto(fd_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL,
                                destination_.get(), destination_.size());
    if (sent >= 0) {
      ++counters_.to_app;
      last_progress_ = now;
      look_after_ = kFirstLook;
    } else if (errno == EINTR) {
      continue;
    } else if (errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM) {
      break;
    } else if (errno == EMSGSIZE) {
      counters_.drops.Add(Drop::kTooLarge);
    } else {
      DropReceiver(1);
    }
    outbox_.Pop();
  }
  counters_.drops.Add(Drop::kDeadline, outbox_.Expire(now));
  LookAgain();
}

// Soon after the receiver has read something it will read more; later, probably not.
void UnixDatagramGate::LookAgain() {
  if (outbox_.empty()) return look_later_.Cancel();
  if (loop_.now() - last_progress_ < kLookAtOnce) return look_soon_.Schedule();
  look_later_.Set(look_after_);
  look_after_ = std::min(look_after_ * 2, kLastLook);
}

GateStatus UnixDatagramGate::status() const {
  return {.holding = holding_ - std::min(holding_, done_),
          .waiting_to_app = outbox_.size(),
          .receiver = destination_.path()};
}

}  // namespace warp::control
