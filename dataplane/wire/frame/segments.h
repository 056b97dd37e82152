// UDP segments: neighbouring datagrams of one flow and one size as a single large frame, the form in which Linux takes
// and gives many of them for the price of one (GSO and GRO of UDP; virtio 1.2 section 5.1.6,
// VIRTIO_NET_HDR_GSO_UDP_L4).
//
//   frames        [headers | aaaa]  [headers | bbbb]  [headers | cc]
//   joined        [headers' | aaaa bbbb cc]                              segment size 4
//
// All datagrams but the last have the segment size; the last may be shorter. The lengths in the headers are those of
// the whole. The UDP checksum is the sum of the pseudo-header alone; whoever cuts the frame completes it.
#ifndef WARP_DATAPLANE_WIRE_FRAME_SEGMENTS_H_
#define WARP_DATAPLANE_WIRE_FRAME_SEGMENTS_H_

#include <cstddef>
#include <cstdint>

#include "dataplane/wire/bytes.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::wire {

// Linux takes this many (UDP_MAX_SEGMENTS, 64 up to Linux 6.8).
inline constexpr size_t kMaxSegments = 64;
// The lengths in the headers have 16 bits.
inline constexpr size_t kMaxJoinedPayload = 65535 - 40 - 8;

// Where the UDP payload begins in a frame whose headers are like those of frame.h's templates: IPv4 without options, or
// IPv6 without extensions. 0 for any other frame, which can neither be joined nor cut.
size_t JoinableHeaderSize(Bytes frame);

// Returns true if the headers of two frames (of `header_size`, as above) differ only in lengths, checksums and IPv4
// identification.
bool SameFlow(const uint8_t* headers, const uint8_t* others, size_t header_size);

// What the headers of such a frame say of the flow.
struct FrameFlow {
  Endpoint from;
  Endpoint to;
  uint8_t traffic_class = 0;  // DSCP and ECN (RFC 2474, RFC 3168)
};
FrameFlow FlowOf(const uint8_t* headers, size_t header_size);

// Writes the headers for `payload_size` bytes of a flow, made from the headers of any of its frames: those of a joined
// frame from its first segment's, those of a segment from the joined frame's. `out` may be `headers`.
void WriteSegmentHeaders(const uint8_t* headers, size_t header_size, size_t payload_size,
                         uint8_t* out);

// The offset of the checksum in the UDP header.
inline constexpr size_t kUdpChecksumOffset = 6;

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_FRAME_SEGMENTS_H_
