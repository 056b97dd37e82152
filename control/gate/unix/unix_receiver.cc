#include "control/gate/unix/unix_receiver.h"

#include <algorithm>
#include <cerrno>

#include "dataplane/os/unix_address.h"

namespace warp::control {

UnixReceiver::UnixReceiver() : buffer_(new uint8_t[kBatch * kRoom]) {
  for (size_t i = 0; i < kBatch; ++i) {
    vectors_[i] = {.iov_base = buffer_.get() + i * kRoom, .iov_len = kRoom};
    headers_[i].msg_hdr.msg_iov = &vectors_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
  }
}

UnixReceiver::Result UnixReceiver::Read(int fd, size_t max, int flags) {
  max = std::min(max, kBatch);
  for (size_t i = 0; i < max; ++i) {
    headers_[i].msg_hdr.msg_name = &senders_[i];
    headers_[i].msg_hdr.msg_namelen = sizeof(senders_[i]);
  }
  received_ = count_ = 0;
  sender_ = {};
  int result = 0;
  do {
    result =
        recvmmsg(fd, headers_.data(), static_cast<unsigned>(max), flags | MSG_DONTWAIT, nullptr);
  } while (result < 0 && errno == EINTR);
  if (result < 0) return errno == EAGAIN ? Result::kDrained : Result::kFailed;
  received_ = static_cast<size_t>(result);
  for (size_t i = 0; i < received_; ++i) {
    // With MSG_TRUNC this is the size of the whole payload, even if it did not fit.
    const size_t size = headers_[i].msg_len;
    if (size <= kRoom) payloads_[count_++] = {buffer_.get() + i * kRoom, size};
    const os::UnixAddress from = os::UnixAddress::Of(senders_[i], headers_[i].msg_hdr.msg_namelen);
    if (from.is_reachable()) sender_ = from;
  }
  return received_ == max ? Result::kMore : Result::kDrained;
}

void UnixReceiver::Remove(int fd) {
  while (recv(fd, nullptr, 0, MSG_DONTWAIT | MSG_TRUNC) < 0 && errno == EINTR) {
  }
}

}  // namespace warp::control
