// Receives frames from a socket, several messages in one call of recvmmsg(2). A message may hold several datagrams
// joined (wire/frame/segments.h); the receiver cuts it into the frames that were sent.
//
// A message lands in a packet buffer, and what does not fit there lands in the room behind it. A frame that is not
// joined is thus in its place already; a joined one is cut from there, each segment into a buffer of its own. What a
// message looks like is the driver's (packet_socket, udp_socket): it turns what was received into a frame with headers.
// The worker's thread.
#ifndef WARP_DATAPLANE_LCORE_PORT_JOINED_MESSAGE_RECEIVER_H_
#define WARP_DATAPLANE_LCORE_PORT_JOINED_MESSAGE_RECEIVER_H_

#include <rte_mbuf.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "dataplane/facade/counters.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::lcore {

class MessageReceiver {
 public:
  // Gives the buffers that it holds back to the pool.
  virtual ~MessageReceiver();
  MessageReceiver(const MessageReceiver&) = delete;
  MessageReceiver& operator=(const MessageReceiver&) = delete;

  // Up to `count` frames, each one segment. Adds to `unbuffered` how many came joined and found no buffers. Never
  // blocks.
  uint16_t Receive(rte_mbuf** frames, uint16_t count, uint64_t* unbuffered);

  // Any thread.
  uint64_t packets() const { return packets_.Get(); }
  uint64_t bytes() const { return bytes_.Get(); }
  // Messages that cannot be cut, such as WARP never sends.
  uint64_t missed() const { return missed_.Get(); }

 protected:
  static constexpr size_t kMessages = 32;  // of one call

  // One message of recvmmsg(2). The kernel fills `front`, then the buffer, then the message's room in rooms_.
  struct Message {
    rte_mbuf* buffer = nullptr;
    size_t in_buffer = 0;  // bytes of the frame that lie in the buffer, from where its data begins
    size_t size = 0;       // of the whole frame; 0: there is none to hand over
    size_t segment = 0;    // bytes of payload in each datagram but the last; 0: it is not joined
  };

  // `fd` is a socket, and `pool` gives the buffers. Both stay the caller's and must outlive the receiver.
  MessageReceiver(int fd, rte_mempool* pool);

  // The bytes that the kernel puts in front of the frame, which are the driver's: to be called in its constructor.
  void SetFront(size_t message, void* bytes, size_t size);
  // The call's own structure for a message, but for its vectors.
  msghdr& header(size_t message) { return headers_[message].msg_hdr; }

  // A message of `size` bytes behind its front was received whole: `message` has size and in_buffer by that. Fills in
  // `segment`, and puts headers in front where there are none. False: nothing can be made of it.
  virtual bool Read(size_t index, Message* message) = 0;
  // No message was received, for this reason. True: another call may have more luck.
  virtual bool AfterError(int error) = 0;

  void CountMissed() { missed_.Add(); }

 private:
  static constexpr size_t kRoom = 64 * 1024;  // behind a message's buffer
  static constexpr size_t kMaxCut = 128;      // frames of one message; the kernel joins no more

  // The part of the message at next_ that is yet to be cut.
  struct Joined {
    size_t header_size = 0;                                  // 0: nothing
    size_t offset = 0;                                       // of the next segment in the frame
    std::array<uint8_t, wire::kMaxFrameHeaderSize> headers;  // of a whole segment
  };

  void ReceiveMessages(size_t most);
  bool FillBuffers(size_t most);
  void Begin(Message* message);
  uint16_t Cut(Message* message, rte_mbuf** frames, uint16_t count, uint64_t* unbuffered);
  void CopyOut(const Message& message, size_t offset, size_t size, uint8_t* out) const;
  uint8_t* RoomOf(const Message& message) const {
    return &rooms_[static_cast<size_t>(&message - messages_.data()) * kRoom];
  }
  rte_mbuf* TakeWhole(Message* message);

  const int fd_;
  rte_mempool* const pool_;
  const uint16_t buffer_size_;  // of a buffer's data room behind its headroom

  std::array<Message, kMessages> messages_;
  std::array<std::array<iovec, 3>, kMessages> vectors_{};
  std::array<mmsghdr, kMessages> headers_{};
  const std::unique_ptr<uint8_t[]> rooms_;  // The kernel takes pages for it only as they are used.
  size_t next_ = 0, have_ = 0;  // Messages from next_ to have_ are yet to be handed over.
  Joined joined_;
  // Frames in the last message. With it the next call guesses how many messages hold the frames that are wanted.
  size_t per_message_ = 1;

  Counter packets_;
  Counter bytes_;
  Counter missed_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_JOINED_MESSAGE_RECEIVER_H_
