// The header in front of each frame at a packet socket with PACKET_VNET_HDR: virtio 1.2 section 5.1.6 in its legacy
// form, in the byte order of the machine. It is declared here because Linux's own header for it does not compile as
// C++.
#ifndef WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_OFFLOAD_HEADER_H_
#define WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_OFFLOAD_HEADER_H_

#include <cstdint>

namespace warp::lcore {

struct OffloadHeader {
  // A flag: the checksum of what follows checksum_start is yet to be completed.
  static constexpr uint8_t kNeedsChecksum = 1;
  // A kind: a frame of its own.
  static constexpr uint8_t kNotJoined = 0;
  // A kind: joined UDP datagrams, which Linux knows since 6.2.
  static constexpr uint8_t kUdpSegments = 5;

  uint8_t flags = 0;
  uint8_t kind = kNotJoined;
  uint16_t headers_size = 0;
  uint16_t segment_size = 0;
  uint16_t checksum_start = 0;
  uint16_t checksum_offset = 0;  // of the checksum's own place, from checksum_start
};
static_assert(sizeof(OffloadHeader) == 10);

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_OFFLOAD_HEADER_H_
