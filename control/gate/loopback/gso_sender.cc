#include "control/gate/loopback/gso_sender.h"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace warp::control {

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
  receiver_ = receiver;
}

void GsoSender::Add(Delivery payload) {
  if (receiver_.family() == AF_UNSPEC) {
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

// Each turn of the loop sends, drops, changes segmentation_ or ends, so that it is bounded by the number of payloads.
void GsoSender::SendFrom(size_t first) {
  bool excused = false;  // a refusal of what the last flush sent was met already
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
    const bool refused = TakeRefusals();
    if (sent > 0) {
      if (refused) return Drop(first, wire::Drop::kNoReceiver);
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
          segmentation_ = false;  // a loopback interface with a small MTU, or a kernel before 4.18
          continue;
        }
        counters_.drops.Add(wire::Drop::kTooLarge);
        ++first;
        continue;
      default:
        if (refused && !std::exchange(excused, true)) continue;
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
  if (segment == 0 || !segmentation_) return 1;
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

bool GsoSender::TakeRefusals() {
  constexpr int kMost = 64;
  bool any = false;
  for (int i = 0; i < kMost; ++i) {
    msghdr header{};
    if (recvmsg(fd_, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) break;
    any = true;
  }
  if (any) counters_.drops.Add(wire::Drop::kNoReceiver, std::exchange(in_doubt_, 0));
  return any;
}

}  // namespace warp::control
