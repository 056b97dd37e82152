// Takes datagrams from UDP sockets, many per system call: one recvmmsg makes several receives, and with UDP_GRO each
// of them brings up to 64 datagrams of equal size (the last may be shorter). The sockets of a gate share its buffers,
// because a gate goes on to the next socket only when all of the one before was consumed.
#ifndef WARP_CONTROL_GATE_UDP_GRO_RECEIVER_H_
#define WARP_CONTROL_GATE_UDP_GRO_RECEIVER_H_

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include "dataplane/os/socket_address.h"
#include "dataplane/wire/bytes.h"

namespace warp::control {

class GroReceiver {
 public:
  static constexpr size_t kReceives = 32;  // receives of one system call
  // The most datagrams of one receive (the kernel's UDP_GRO_CNT_MAX).
  static constexpr size_t kSegments = 64;

  // Whether somebody at this address may send.
  using Admits = std::function<bool(const os::SocketAddress&)>;

  GroReceiver();
  GroReceiver(const GroReceiver&) = delete;
  GroReceiver& operator=(const GroReceiver&) = delete;

  // Turns UDP_GRO on where the kernel has it, and with `marks` the telling of DSCPs: once for each socket.
  static void Prepare(int fd, bool marks);

  enum class Result : uint8_t {
    kMore,     // there may be more in the socket
    kDrained,  // the socket is empty, and the next arrival makes it readable anew
    kRefused,  // nothing was received, because the socket reports that an earlier send was refused
  };
  // Makes one system call and forgets what the last one brought.
  Result Receive(int fd, const Admits& admits);

  // The next up to kSegments datagrams of one sender and DSCP that were received and not consumed, in order. Empty: all
  // were consumed.
  std::span<const wire::Bytes> Next();
  // Of those that Next gave. The DSCP is 0 where the socket does not tell it.
  const os::SocketAddress& sender() const { return senders_[first_]; }
  uint8_t dscp() const { return received_[first_].dscp; }
  void Consume(size_t datagrams);  // from the front of Next(), which must then be called again

  // The number of datagrams from senders that were not admitted, which are not given out.
  uint64_t outsiders() const { return outsiders_; }

 private:
  // More than the largest datagram, coalesced or not.
  static constexpr size_t kBufferSize = size_t{1} << 16;
  // With a power of two, the beginnings of all buffers would compete for the same cache sets.
  static constexpr size_t kStride = kBufferSize + 17 * 64;

  struct alignas(cmsghdr) Control {
    uint8_t bytes[2 * CMSG_SPACE(sizeof(int))];  // UDP_GRO, and the traffic class
  };
  struct Received {
    wire::Bytes rest;    // not consumed yet
    size_t segment = 0;  // bytes of each datagram but the last
    uint8_t dscp = 0;
    // Something is not consumed: `rest` does not tell, because a datagram may be empty.
    bool pending = false;
  };
  void Note(size_t index, const Admits& admits);

  // Touched, and thus backed by memory, only as far as datagrams reach.
  const std::unique_ptr<uint8_t[]> buffer_;
  std::array<mmsghdr, kReceives> headers_;
  std::array<iovec, kReceives> vectors_;
  std::array<Control, kReceives> controls_;
  std::array<os::SocketAddress, kReceives> senders_;
  std::array<Received, kReceives> received_;
  size_t first_ = 0, count_ = 0;  // of received_
  std::array<wire::Bytes, kSegments> segments_;
  uint64_t outsiders_ = 0;
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_UDP_GRO_RECEIVER_H_
