// Frames out of a packet socket: what the kernel hands over as one frame of UDP segments (wire/segments.h) becomes what was
// sent. Several messages in one call.
//
// A message lands in a packet buffer, what does not fit in the room behind it. So a frame of its own is in place already, and
// a joined one is cut from there, each segment into a buffer of its own. Worker's thread.
#ifndef WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_SEGMENT_RECEIVER_H_
#define WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_SEGMENT_RECEIVER_H_

#include <rte_mbuf.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "dataplane/facade/counters.h"
#include "dataplane/lcore/port/packet_socket/offload_header.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::lcore {

class SegmentReceiver {
 public:
  // `fd`: a packet socket with PACKET_VNET_HDR; `pool` gives the buffers. Both stay the caller's, and outlive this.
  SegmentReceiver(int fd, rte_mempool* pool);
  ~SegmentReceiver();  // what it holds goes back to the pool
  SegmentReceiver(const SegmentReceiver&) = delete;
  SegmentReceiver& operator=(const SegmentReceiver&) = delete;

  // Up to `count` frames, each one segment. Never blocks.
  uint16_t Receive(rte_mbuf** frames, uint16_t count);

  // Any thread.
  uint64_t packets() const { return packets_.Get(); }
  uint64_t bytes() const { return bytes_.Get(); }
  // Frames for which there was no buffer, and messages that cannot be cut: no such thing is sent by WARP.
  uint64_t missed() const { return missed_.Get(); }

 private:
  static constexpr size_t kMessages = 32;     // of one call
  static constexpr size_t kRoom = 64 * 1024;  // behind a message's buffer
  static constexpr size_t kMaxCut = 128;      // frames of one message; the kernel joins no more

  // One message. The kernel writes the first two; the third is in rooms_.
  struct Message {
    OffloadHeader offload;
    rte_mbuf* buffer = nullptr;
    size_t in_buffer = 0;  // bytes of the frame that are there
    size_t size = 0;       // of the frame
  };
  // What is yet to be cut from the message at next_.
  struct Joined {
    size_t header_size = 0;  // 0: nothing
    size_t segment = 0;      // bytes of payload in each but the last
    size_t offset = 0;       // of the next segment in the frame
    std::array<uint8_t, wire::kMaxFrameHeaderSize> headers;  // of a whole segment
  };

  void ReceiveMessages(size_t most);
  bool FillBuffers(size_t most);
  void Begin(Message* message);
  uint16_t Cut(Message* message, rte_mbuf** frames, uint16_t count);
  void CopyOut(const Message& message, size_t offset, size_t size, uint8_t* out) const;
  uint8_t* RoomOf(const Message& message) const {
    return &rooms_[static_cast<size_t>(&message - messages_.data()) * kRoom];
  }
  rte_mbuf* TakeWhole(Message* message);

  const int fd_;
  rte_mempool* const pool_;
  const uint16_t buffer_size_;  // of a buffer's data behind its headroom

  std::array<Message, kMessages> messages_;
  std::array<std::array<iovec, 3>, kMessages> vectors_;
  std::array<mmsghdr, kMessages> headers_{};
  const std::unique_ptr<uint8_t[]> rooms_;  // pages are taken as they are used
  size_t next_ = 0, have_ = 0;              // messages that are yet to be handed over
  Joined joined_;
  size_t per_message_ = 1;  // frames in the last one: as many calls ask for no more than is wanted

  Counter packets_;
  Counter bytes_;
  Counter missed_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_SEGMENT_RECEIVER_H_
