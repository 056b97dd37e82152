#include "control/gate/loopback/gro_receiver.h"

#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace warp::control {
namespace {

// The size of each datagram but the last, 0 where the kernel coalesced none.
size_t SegmentSize(msghdr& header) {
  for (cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr; c = CMSG_NXTHDR(&header, c)) {
    if (c->cmsg_level != SOL_UDP || c->cmsg_type != UDP_GRO) continue;
    int size;
    std::memcpy(&size, CMSG_DATA(c), sizeof(size));
    return size > 0 ? static_cast<size_t>(size) : 0;
  }
  return 0;
}

}  // namespace

GroReceiver::GroReceiver(int fd) : fd_(fd), buffer_(new uint8_t[kReceives * kStride]) {
  const int on = 1;
  // Since Linux 5.0; without it every receive is one datagram.
  setsockopt(fd_, SOL_UDP, UDP_GRO, &on, sizeof(on));
  Prepare();
}

void GroReceiver::Prepare() {
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

GroReceiver::Result GroReceiver::Receive() {
  first_ = count_ = 0;
  const int count = recvmmsg(fd_, headers_.data(), kReceives, MSG_DONTWAIT, nullptr);
  if (count < 0) {
    if (errno == EINTR) return Result::kMore;
    return errno == EAGAIN || errno == EWOULDBLOCK ? Result::kDrained : Result::kRefused;
  }
  count_ = static_cast<size_t>(count);
  for (size_t i = 0; i < count_; ++i) Note(i);
  // A short count means the same as EAGAIN: what arrives later wakes the watch again.
  return count_ == kReceives ? Result::kMore : Result::kDrained;
}

void GroReceiver::Note(size_t i) {
  msghdr& header = headers_[i].msg_hdr;
  const size_t size = headers_[i].msg_len;
  const size_t segment = SegmentSize(header);
  if (senders_[i].is_loopback()) {
    received_[i] = {.rest = {&buffer_[i * kStride], size},
                    .segment = segment == 0 ? size : segment,
                    .pending = true};
    last_sender_ = senders_[i];
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
