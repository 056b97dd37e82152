// Takes payloads from the Unix sockets of gates, many per system call, or looks at the next one and leaves it in the
// socket. One object serves all gates of a node, because what it received is needed only until its next call.
#ifndef WARP_CONTROL_GATE_UNIX_UNIX_RECEIVER_H_
#define WARP_CONTROL_GATE_UNIX_UNIX_RECEIVER_H_

#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/os/unix_address.h"
#include "dataplane/os/unix_path.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/constants.h"

namespace warp::control {

class UnixReceiver {
 public:
  static constexpr size_t kBatch = 16;  // payloads of one system call

  enum class Result : uint8_t {
    kMore,     // as many came as were asked for: there may be more
    kDrained,  // the socket is empty, and the next arrival makes it readable anew
    kFailed,   // the connection is broken; errno says how
  };

  UnixReceiver();

  // Takes up to `max` payloads, at most kBatch. Descriptors sent along are closed by the kernel.
  Result Receive(int fd, size_t max) { return Read(fd, max, MSG_TRUNC); }
  // Shows the oldest payload, which stays in the socket until Remove.
  Result Peek(int fd) { return Read(fd, 1, MSG_TRUNC | MSG_PEEK); }
  static void Remove(int fd);

  // The payloads of the last call, without those that are too large.
  std::span<const wire::Bytes> payloads() const { return {payloads_.data(), count_}; }
  size_t received() const { return received_; }
  size_t too_large() const { return received_ - count_; }
  // The last sender of these that can be answered, if there is one.
  const os::UnixAddress& sender() const { return sender_; }

 private:
  Result Read(int fd, size_t max, int flags);

  static constexpr size_t kRoom = wire::kMaxPayloadSize;
  // Touched, and thus backed by memory, only as far as payloads reach.
  const std::unique_ptr<uint8_t[]> buffer_;
  std::array<mmsghdr, kBatch> headers_{};
  std::array<iovec, kBatch> vectors_{};
  std::array<sockaddr_un, kBatch> senders_{};
  std::array<wire::Bytes, kBatch> payloads_;
  size_t received_ = 0, count_ = 0;
  os::UnixAddress sender_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_UNIX_UNIX_RECEIVER_H_
