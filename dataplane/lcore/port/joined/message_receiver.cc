#include "dataplane/lcore/port/joined/message_receiver.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "dataplane/wire/frame/segments.h"

namespace warp::lcore {

// The first vector is that of the front. Where there is none it is left out.
MessageReceiver::MessageReceiver(int fd, rte_mempool* pool)
    : fd_(fd),
      pool_(pool),
      buffer_size_(static_cast<uint16_t>(rte_pktmbuf_data_room_size(pool) - RTE_PKTMBUF_HEADROOM)),
      rooms_(new uint8_t[kMessages * kRoom]) {
  for (size_t i = 0; i < kMessages; ++i) {
    vectors_[i][2] = {RoomOf(messages_[i]), kRoom};
    headers_[i].msg_hdr.msg_iov = &vectors_[i][1];
    headers_[i].msg_hdr.msg_iovlen = 2;
  }
}

MessageReceiver::~MessageReceiver() {
  for (const Message& message : messages_) rte_pktmbuf_free(message.buffer);
}

void MessageReceiver::SetFront(size_t message, void* bytes, size_t size) {
  vectors_[message][0] = {bytes, size};
  headers_[message].msg_hdr.msg_iov = vectors_[message].data();
  headers_[message].msg_hdr.msg_iovlen = vectors_[message].size();
}

uint16_t MessageReceiver::Receive(rte_mbuf** frames, uint16_t count, uint64_t* unbuffered) {
  uint16_t done = 0;
  bool drained = false;
  while (done < count) {
    if (next_ == have_) {
      if (drained) break;
      const size_t most =
          std::min((size_t{count} - done + per_message_ - 1) / per_message_, kMessages);
      ReceiveMessages(most);
      drained = have_ < most;  // Fewer than asked for means that the socket is empty.
      if (have_ == 0) break;
    }
    Message& message = messages_[next_];
    if (joined_.header_size == 0) Begin(&message);
    if (joined_.header_size > 0) {
      done = static_cast<uint16_t>(
          done + Cut(&message, frames + done, static_cast<uint16_t>(count - done), unbuffered));
    } else if (message.buffer != nullptr && message.size > 0) {
      frames[done++] = TakeWhole(&message);
    }
    if (joined_.header_size == 0) ++next_;
  }
  return done;
}

void MessageReceiver::ReceiveMessages(size_t most) {
  next_ = have_ = 0;
  if (!FillBuffers(most)) return;
  int count = -1;
  do {
    count = recvmmsg(fd_, headers_.data(), static_cast<unsigned>(most), MSG_DONTWAIT, nullptr);
  } while (count < 0 && AfterError(errno));
  have_ = count > 0 ? static_cast<size_t>(count) : 0;
  for (size_t i = 0; i < have_; ++i) {
    Message& message = messages_[i];
    const size_t size = headers_[i].msg_len;
    const size_t front = vectors_[i][0].iov_len;
    const bool cut_off = (headers_[i].msg_hdr.msg_flags & MSG_TRUNC) != 0;
    message.size = size - std::min(size, front);
    message.in_buffer = std::min<size_t>(message.size, buffer_size_);
    message.segment = 0;
    if (cut_off || size < front || !Read(i, &message)) message.size = 0;
    if (message.size == 0) missed_.Add();
  }
}

// Gives each message a buffer. Without buffers frames stay in the socket, where the kernel counts those that find no
// room.
bool MessageReceiver::FillBuffers(size_t most) {
  for (size_t i = 0; i < most; ++i) {
    Message& message = messages_[i];
    if (message.buffer != nullptr) continue;
    message.buffer = rte_pktmbuf_alloc(pool_);
    if (message.buffer == nullptr) return false;
    vectors_[i][1] = {rte_pktmbuf_mtod(message.buffer, void*), buffer_size_};
  }
  return true;
}

// Fills joined_ for a joined frame, so that Cut can begin. Sets the size of a frame that cannot be handed over to 0.
void MessageReceiver::Begin(Message* message) {
  if (message->size == 0) return;
  const size_t segment = message->segment;
  if (segment == 0 && message->size == message->in_buffer) return;
  const uint8_t* const frame = rte_pktmbuf_mtod(message->buffer, const uint8_t*);
  const size_t header_size = wire::JoinableHeaderSize({frame, message->in_buffer});
  if (header_size == 0 || segment == 0 || header_size + segment > buffer_size_ ||
      message->size <= header_size || message->size - header_size > segment * kMaxCut) {
    missed_.Add();
    message->size = 0;
    return;
  }
  joined_ = {.header_size = header_size, .offset = header_size};
  wire::WriteSegmentHeaders(frame, header_size, segment, joined_.headers.data());
  per_message_ = (message->size - header_size + segment - 1) / segment;
}

uint16_t MessageReceiver::Cut(Message* message, rte_mbuf** frames, uint16_t count,
                              uint64_t* unbuffered) {
  const size_t segment = message->segment;
  const size_t left = (message->size - joined_.offset + segment - 1) / segment;
  const auto wanted = static_cast<uint16_t>(std::min<size_t>(left, count));
  if (rte_pktmbuf_alloc_bulk(pool_, frames, wanted) != 0) {
    *unbuffered += left;
    joined_.header_size = 0;
    return 0;
  }
  const size_t header_size = joined_.header_size;
  uint64_t bytes = 0;
  for (uint16_t i = 0; i < wanted; ++i) {
    const size_t size = std::min(segment, message->size - joined_.offset);
    auto* const out = reinterpret_cast<uint8_t*>(
        rte_pktmbuf_append(frames[i], static_cast<uint16_t>(header_size + size)));
    if (size == segment) {
      std::memcpy(out, joined_.headers.data(), header_size);
    } else {
      wire::WriteSegmentHeaders(joined_.headers.data(), header_size, size, out);
    }
    CopyOut(*message, joined_.offset, size, out + header_size);
    joined_.offset += size;
    bytes += header_size + size;
  }
  packets_.Add(wanted);
  bytes_.Add(bytes);
  if (joined_.offset >= message->size) joined_.header_size = 0;
  return wanted;
}

void MessageReceiver::CopyOut(const Message& message, size_t offset, size_t size,
                              uint8_t* out) const {
  if (offset < message.in_buffer) {
    const size_t here = std::min(size, message.in_buffer - offset);
    std::memcpy(out, rte_pktmbuf_mtod_offset(message.buffer, const uint8_t*, offset), here);
    offset += here;
    out += here;
    size -= here;
  }
  if (size > 0) std::memcpy(out, RoomOf(message) + (offset - message.in_buffer), size);
}

rte_mbuf* MessageReceiver::TakeWhole(Message* message) {
  rte_mbuf* const frame = std::exchange(message->buffer, nullptr);
  frame->data_len = static_cast<uint16_t>(message->size);
  frame->pkt_len = static_cast<uint32_t>(message->size);
  per_message_ = 1;
  packets_.Add();
  bytes_.Add(message->size);
  return frame;
}

}  // namespace warp::lcore
