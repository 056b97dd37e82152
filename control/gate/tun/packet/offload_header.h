// What stands before each packet on its way between us and the kernel: which of the work on it is left to the reader
// (virtio 1.2 section 5.1.6, struct virtio_net_hdr, little-endian; Linux Documentation/networking/tuntap.rst,
// IFF_VNET_HDR). The kernel gives checksums that are begun and not finished, and super-packets: many segments of one
// flow behind one header. It takes the same.
#ifndef WARP_CONTROL_GATE_TUN_PACKET_OFFLOAD_HEADER_H_
#define WARP_CONTROL_GATE_TUN_PACKET_OFFLOAD_HEADER_H_

#include <cstdint>

#include "dataplane/wire/byte_order.h"

namespace warp::control {

struct OffloadHeader {
  enum Flags : uint8_t {
    kNeedsChecksum =
        1,  // the field holds the sum of the pseudo-header: the rest is yet to be added
  };
  enum Gso : uint8_t { kNone = 0, kTcpV4 = 1, kTcpV6 = 4, kUdp = 5, kEcn = 0x80 };

  uint8_t flags = 0;
  uint8_t gso = kNone;         // one of Gso, with kEcn where the first segment has CWR
  wire::Le16 header_size;      // a hint
  wire::Le16 segment_size;     // bytes of data of each segment but the last
  wire::Le16 checksum_start;   // where what is summed begins, to the packet's end
  wire::Le16 checksum_offset;  // of the field, from there
};
static_assert(sizeof(OffloadHeader) == 10);

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_TUN_PACKET_OFFLOAD_HEADER_H_
