// Receives frames from a packet socket. The kernel may hand several datagrams over joined, as one frame of UDP segments
// (wire/frame/segments.h), and says so in front of it (offload_header.h). The worker's thread.
#ifndef WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_SEGMENT_RECEIVER_H_
#define WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_SEGMENT_RECEIVER_H_

#include <array>
#include <cerrno>

#include "dataplane/lcore/port/joined/message_receiver.h"
#include "dataplane/lcore/port/packet_socket/offload_header.h"

namespace warp::lcore {

class SegmentReceiver final : public MessageReceiver {
 public:
  // `fd` is a packet socket with PACKET_VNET_HDR.
  SegmentReceiver(int fd, rte_mempool* pool) : MessageReceiver(fd, pool) {
    for (size_t i = 0; i < kMessages; ++i) SetFront(i, &offloads_[i], sizeof(offloads_[i]));
  }

 private:
  bool Read(size_t index, Message* message) override {
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

  std::array<OffloadHeader, kMessages> offloads_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_SEGMENT_RECEIVER_H_
