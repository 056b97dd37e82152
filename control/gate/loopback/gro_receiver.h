// Takes datagrams from a UDP socket, many per system call: several receives per recvmmsg, and with
// UDP_GRO up to 64 datagrams of equal size (the last may be shorter) in each receive.
#ifndef WARP_CONTROL_GATE_LOOPBACK_GRO_RECEIVER_H_
#define WARP_CONTROL_GATE_LOOPBACK_GRO_RECEIVER_H_

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "dataplane/os/socket_address.h"
#include "dataplane/wire/bytes.h"

namespace warp::control {

class GroReceiver {
 public:
  static constexpr size_t kReceives = 32;  // of one system call
  static constexpr size_t kSegments = 64;  // of one receive, at most (the kernel's UDP_GRO_CNT_MAX)

  // Turns UDP_GRO on where the kernel has it. `fd` outlives the receiver.
  explicit GroReceiver(int fd);

  enum class Result : uint8_t {
    kMore,     // there may be more in the socket
    kDrained,  // there was no more; the next arrival makes the socket readable anew
    kRefused,  // nothing received: the socket reports that something sent before was refused
  };
  // One system call; what the last one brought is forgotten.
  Result Receive();

  // The next up to kSegments datagrams of what was received and not yet consumed, in order; empty
  // when all were.
  std::span<const wire::Bytes> Next();
  void Consume(size_t datagrams);  // from the front of Next(); Next() must be called again

  // Datagrams of other than loopback addresses are not given out, but counted here.
  uint64_t foreign() const { return foreign_; }
  // Who sent last, of loopback addresses; AF_UNSPEC before.
  const os::SocketAddress& last_sender() const { return last_sender_; }

 private:
  static constexpr size_t kBufferSize = size_t{1}
                                        << 16;  // the largest datagram, GRO or not, is smaller
  // Not a power of two, or the beginnings of all buffers would compete for the same cache sets.
  static constexpr size_t kStride = kBufferSize + 17 * 64;

  struct alignas(cmsghdr) Control {
    uint8_t bytes[CMSG_SPACE(sizeof(int))];
  };
  struct Received {
    wire::Bytes rest;      // not yet consumed
    size_t segment = 0;    // bytes of each datagram but the last
    bool pending = false;  // an empty datagram has no bytes, yet is one
  };
  void Prepare();
  void Note(size_t index);

  const int fd_;
  const std::unique_ptr<uint8_t[]>
      buffer_;  // touched, and thus backed by memory, only as far as datagrams reach
  std::array<mmsghdr, kReceives> headers_;
  std::array<iovec, kReceives> vectors_;
  std::array<Control, kReceives> controls_;
  std::array<os::SocketAddress, kReceives> senders_;
  std::array<Received, kReceives> received_;
  size_t first_ = 0, count_ = 0;  // of received_
  std::array<wire::Bytes, kSegments> segments_;
  uint64_t foreign_ = 0;
  os::SocketAddress last_sender_;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_LOOPBACK_GRO_RECEIVER_H_
