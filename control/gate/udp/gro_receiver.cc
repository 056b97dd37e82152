#include "control/gate/udp/gro_receiver.h"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace warp::control {
namespace {

// What the kernel says of a receive.
struct Facts {
  size_t segment = 0;  // the size of each datagram but the last, 0 where the kernel coalesced none
  uint8_t traffic_class = 0;
};

Facts FactsOf(msghdr& header) {
  Facts facts;
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    int value = 0;
    if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO) {
      std::memcpy(&value, CMSG_DATA(c), sizeof(value));
      facts.segment = value > 0 ? static_cast<size_t>(value) : 0;
    } else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
      facts.traffic_class = *CMSG_DATA(c);  // one byte, where that of IPv6 has four
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
      std::memcpy(&value, CMSG_DATA(c), sizeof(value));
      facts.traffic_class = static_cast<uint8_t>(value);
    }
  }
  return facts;
}

}  // namespace

void GroReceiver::Prepare(int fd, bool marks) {
  const int on = 1;
  if (marks) {  // the option of the other family fails, without harm
    setsockopt(fd, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on));
    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, &on, sizeof(on));
  }
  // Since Linux 5.0; without it every receive is one datagram.
  setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof(on));
}

GroReceiver::GroReceiver() : buffer_(new uint8_t[kReceives * kStride]) {
  for (size_t i = 0; i < kReceives; ++i) {
    vectors_[i] = {&buffer_[i * kStride], kBufferSize};
    headers_[i].msg_hdr = {.msg_name = senders_[i].get(),
                           .msg_namelen = os::SocketAddress::capacity(),
                           .msg_iov = &vectors_[i],
                           .msg_iovlen = 1,
                           .msg_control = controls_[i].bytes,
                           .msg_controllen = sizeof(controls_[i].bytes),
                           .msg_flags = 0};
  }
}

GroReceiver::Result GroReceiver::Receive(int fd, const Admits& admits) {
  first_ = count_ = 0;
  const int count = recvmmsg(fd, headers_.data(), kReceives, MSG_DONTWAIT, nullptr);
  if (count < 0) {
    if (errno == EINTR) return Result::kMore;
    return errno == EAGAIN || errno == EWOULDBLOCK ? Result::kDrained : Result::kRefused;
  }
  count_ = static_cast<size_t>(count);
  for (size_t i = 0; i < count_; ++i) Note(i, admits);
  // A short count means the same as EAGAIN: what arrives later wakes the watch again.
  return count_ == kReceives ? Result::kMore : Result::kDrained;
}

void GroReceiver::Note(size_t i, const Admits& admits) {
  msghdr& header = headers_[i].msg_hdr;
  const size_t size = headers_[i].msg_len;
  const Facts facts = FactsOf(header);
  const size_t segment = facts.segment;
  if (admits(senders_[i])) {
    received_[i] = {.rest = {&buffer_[i * kStride], size},
                    .segment = segment == 0 ? size : segment,
                    .dscp = static_cast<uint8_t>(facts.traffic_class >> 2),
                    .pending = true};
  } else {
    outsiders_ += segment == 0 ? 1 : (size + segment - 1) / segment;
    received_[i] = {};
  }
  header.msg_namelen = os::SocketAddress::capacity();
  header.msg_controllen = sizeof(controls_[i].bytes);
}

std::span<const wire::Bytes> GroReceiver::Next() {
  while (first_ < count_ && !received_[first_].pending) ++first_;
  size_t n = 0;
  for (size_t i = first_; i < count_ && n < kSegments; ++i) {
    if (!received_[i].pending) continue;
    if (!(senders_[i] == senders_[first_]) || received_[i].dscp != received_[first_].dscp) break;
    wire::Bytes rest = received_[i].rest;
    do {
      const size_t size = std::min(rest.size(), received_[i].segment);
      segments_[n++] = rest.first(size);
      rest = rest.subspan(size);
    } while (!rest.empty() && n < kSegments);
  }
  return {segments_.data(), n};
}

void GroReceiver::Consume(size_t datagrams) {
  for (; datagrams > 0 && first_ < count_; --datagrams) {
    Received& received = received_[first_];
    received.rest = received.rest.subspan(std::min(received.rest.size(), received.segment));
    received.pending = !received.rest.empty();
    while (first_ < count_ && !received_[first_].pending) ++first_;
  }
}

}  // namespace warp::control
