// Receives frames from a packet socket. The kernel may hand several datagrams over joined, as one frame of UDP segments
// (wire/frame/segments.h), and says so in front of it (offload_header.h). The worker's thread.
#ifndef WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_SEGMENT_RECEIVER_H_
#define WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_SEGMENT_RECEIVER_H_

#include <array>
#include <cerrno>

#include "dataplane/lcore/port/joined/made_up_link.h"
#include "dataplane/lcore/port/joined/message_receiver.h"
#include "dataplane/lcore/port/packet_socket/offload_header.h"

namespace warp::lcore {

class SegmentReceiver final : public MessageReceiver {
 public:
  // `fd` is a packet socket with PACKET_VNET_HDR. Without `ethernet`, what it receives begins with the IP header.
  SegmentReceiver(int fd, rte_mempool* pool, bool ethernet = true)
      : MessageReceiver(fd, pool), ethernet_(ethernet) {
    for (size_t i = 0; i < kMessages; ++i) SetFront(i, &offloads_[i], sizeof(offloads_[i]));
  }

 private:
  bool Read(size_t index, Message* message) override {
    if (!ethernet_ && !PutEthernetHeader(message)) return false;
    const OffloadHeader& offload = offloads_[index];
    if (offload.kind == OffloadHeader::kNotJoined) return true;
    message->segment = offload.segment_size;
    return offload.kind == OffloadHeader::kUdpSegments && message->segment > 0;
  }
  // A frame that the kernel could not describe by an offload header is gone with the error.
  bool AfterError(int error) override {
    if (error != EAGAIN && error != EINTR && error != ENETDOWN) CountMissed();
    return false;
  }

  // In front of the IP header, whose version says what the type is.
  static bool PutEthernetHeader(Message* message) {
    if (message->size == 0) return false;
    message->buffer->data_off = RTE_PKTMBUF_HEADROOM - wire::kEthernetHeaderSize;
    auto* const frame = rte_pktmbuf_mtod(message->buffer, uint8_t*);
    const bool v6 = frame[wire::kEthernetHeaderSize] >> 4 == 6;
    WriteMadeUpHeader(v6, frame);
    message->size += wire::kEthernetHeaderSize;
    message->in_buffer += wire::kEthernetHeaderSize;
    return true;
  }

  const bool ethernet_;
  std::array<OffloadHeader, kMessages> offloads_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_SEGMENT_RECEIVER_H_
