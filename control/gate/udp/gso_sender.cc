#include "control/gate/udp/gso_sender.h"

#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace warp::control {
namespace {

// Why what was sent did not arrive: the errno of a message of an error queue. 0: it does not say.
int ReasonOf(msghdr& message) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    const bool told = (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
                      (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR);
    sock_extended_err error;
    if (!told || c->cmsg_len < CMSG_LEN(sizeof(error))) continue;
    std::memcpy(&error, CMSG_DATA(c), sizeof(error));
    return static_cast<int>(error.ee_errno);
  }
  return 0;
}

}  // namespace

GsoSender::GsoSender(int fd, GateCounters& counters, const Options& options)
    : fd_(fd), options_(options), counters_(counters) {
  pending_.reserve(kPending);
  const int on = 1;
  // The option of the other family fails, without harm.
  setsockopt(fd_, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
  setsockopt(fd_, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
}

void GsoSender::SetReceiver(const os::SocketAddress& receiver) {
  if (receiver == receiver_) return;
  Flush();
  TakeRefusals();
  receiver_ = receiver;
  const std::optional<wire::Endpoint> endpoint = receiver.ToEndpoint();
  reachable_ = endpoint.has_value() && endpoint->port != 0;
  gone_ = false;
  in_doubt_ = 0;
  largest_segment_ = SIZE_MAX;
}

void GsoSender::Add(Delivery payload) {
  if (!reachable_) {
    counters_.drops.Add(wire::Drop::kNoReceiver);
    return;
  }
  if (payload.bytes().size() > max_datagram()) {
    counters_.drops.Add(wire::Drop::kTooLarge);
    return;
  }
  pending_.push_back(std::move(payload));
  if (pending_.size() == kPending) Flush();
}

void GsoSender::Flush() {
  if (pending_.empty()) return;
  SendFrom(0);
  pending_.clear();
  if (options_.shared) TakeRefusals();
}

// Each turn of the loop sends, drops, lowers largest_segment_, uses up an excuse or ends, so that it is bounded by the
// number of payloads.
void GsoSender::SendFrom(size_t first) {
  int excuses = 0;
  while (first < pending_.size()) {
    const size_t runs = BuildRuns(first);
    const int sent =
        sendmmsg(fd_, headers_.data(), static_cast<unsigned>(runs), MSG_DONTWAIT | MSG_NOSIGNAL);
    const int error = sent < 0 ? errno : 0;
    for (int i = 0; i < sent; ++i) {
      in_doubt_ = headers_[static_cast<size_t>(i)].msg_hdr.msg_iovlen;
      counters_.to_app += in_doubt_;
      first += in_doubt_;
    }
    if (first == pending_.size()) return;
    // The kernel stopped half-way. The refusal of what was sent a moment ago ends the next send, even where that send
    // does not return its error.
    const Refusals refused = TakeRefusals();
    if (sent > 0) {
      if (refused.ours) return Drop(first, wire::Drop::kNoReceiver);
      continue;
    }
    switch (error) {
      case EINTR:
        continue;
      case EAGAIN:
      case ENOBUFS:
      case ENOMEM:
        return Drop(first, wire::Drop::kReceiverFull);
      case EINVAL:
      case EIO:
      case EMSGSIZE:
        if (headers_[0].msg_hdr.msg_iovlen > 1) {
          // Where the interface or the kernel (before 4.18) cuts none at all, that is learned size by size.
          largest_segment_ = error == EIO ? 0 : vectors_[first].iov_len - 1;
          continue;
        }
        if (refused.any > 0 && ++excuses <= kExcuses) continue;
        counters_.drops.Add(error == EMSGSIZE ? wire::Drop::kTooLarge : wire::Drop::kNoReceiver);
        ++first;
        continue;
      default:
        // What the last flush has sent costs this one nothing, nor does what others have sent.
        if (refused.any > 0 && ++excuses <= (refused.ours ? 1 : kExcuses)) continue;
        return Drop(first, wire::Drop::kNoReceiver);
    }
  }
}

size_t GsoSender::BuildRuns(size_t first) {
  size_t runs = 0;
  while (first < pending_.size()) {
    const size_t length = RunLength(first);
    for (size_t i = first; i < first + length; ++i) {
      const wire::Bytes bytes = pending_[i].bytes();
      vectors_[i] = {const_cast<uint8_t*>(bytes.data()), bytes.size()};
    }
    msghdr& header = headers_[runs].msg_hdr;
    header = {.msg_name = receiver_.get(),
              .msg_namelen = receiver_.size(),
              .msg_iov = &vectors_[first],
              .msg_iovlen = length,
              .msg_control = nullptr,
              .msg_controllen = 0,
              .msg_flags = 0};
    header.msg_controllen = WriteControl(first, length, &controls_[runs]);
    if (header.msg_controllen > 0) header.msg_control = controls_[runs].bytes;
    first += length;
    ++runs;
  }
  return runs;
}

// What the kernel has to know of a run beside its bytes. Returns its size.
size_t GsoSender::WriteControl(size_t first, size_t length, Control* control) const {
  size_t size = 0;
  const auto add = [&](int level, int type, const auto& value) {
    auto* const header = reinterpret_cast<cmsghdr*>(control->bytes + size);
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(sizeof(value));
    std::memcpy(CMSG_DATA(header), &value, sizeof(value));
    size += CMSG_SPACE(sizeof(value));
  };
  if (length > 1) add(SOL_UDP, UDP_SEGMENT, static_cast<uint16_t>(vectors_[first].iov_len));
  if (const uint8_t dscp = DscpOf(first); dscp != 0) {
    const bool v6 = receiver_.family() == AF_INET6;
    add(v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_TCLASS : IP_TOS, int{dscp} << 2);
  }
  return size;
}

// The number of payloads from `first` on that can leave as one send.
size_t GsoSender::RunLength(size_t first) const {
  const size_t segment = pending_[first].bytes().size();
  size_t total = segment, length = 1;
  if (segment == 0 || segment > largest_segment_) return 1;
  while (first + length < pending_.size() && length < kRunSegments) {
    const size_t size = pending_[first + length].bytes().size();
    if (size == 0 || size > segment || total + size > max_datagram()) break;
    if (DscpOf(first + length) != DscpOf(first)) break;
    total += size;
    ++length;
    if (size < segment) break;
  }
  return length;
}

void GsoSender::Drop(size_t first, wire::Drop reason) {
  counters_.drops.Add(reason, pending_.size() - first);
}

// A message that says that what was sent was too large is no refusal: what comes next is cut to the new size.
GsoSender::Refusals GsoSender::TakeRefusals() {
  constexpr int kMost = 64;
  Refusals refusals;
  for (; refusals.any < kMost; ++refusals.any) {
    os::SocketAddress about;
    alignas(cmsghdr) uint8_t control[CMSG_SPACE(sizeof(sock_extended_err) + sizeof(sockaddr_in6))];
    msghdr header{.msg_name = about.get(),
                  .msg_namelen = os::SocketAddress::capacity(),
                  .msg_iov = nullptr,
                  .msg_iovlen = 0,
                  .msg_control = control,
                  .msg_controllen = sizeof(control),
                  .msg_flags = 0};
    if (recvmsg(fd_, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) break;
    const int reason = ReasonOf(header);
    if (!(about == receiver_) || reason == EMSGSIZE) continue;
    refusals.ours = true;
    gone_ |= reason == ECONNREFUSED;
  }
  if (refusals.ours) counters_.drops.Add(wire::Drop::kNoReceiver, std::exchange(in_doubt_, 0));
  return refusals;
}

}  // namespace warp::control
