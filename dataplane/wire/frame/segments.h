// UDP segments: neighbouring datagrams of one flow and one size as a single large frame, the form in which Linux takes and
// gives many of them for the price of one (GSO and GRO of UDP; virtio 1.2 section 5.1.6, VIRTIO_NET_HDR_GSO_UDP_L4).
//
//   frames        [headers | aaaa]  [headers | bbbb]  [headers | cc]
//   joined        [headers' | aaaa bbbb cc]                              segment size 4
//
// All datagrams are of the segment size but the last, which may be shorter. The headers' lengths are those of the whole, and
// the UDP checksum is the sum of the pseudo-header alone, for whoever cuts it to complete.
#ifndef WARP_DATAPLANE_WIRE_FRAME_SEGMENTS_H_
#define WARP_DATAPLANE_WIRE_FRAME_SEGMENTS_H_

#include <cstddef>
#include <cstdint>

#include "dataplane/wire/bytes.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::wire {

// Linux takes as many: UDP_MAX_SEGMENTS, 64 up to 6.8.
inline constexpr size_t kMaxSegments = 64;
// The lengths in the headers are 16-bit.
inline constexpr size_t kMaxJoinedPayload = 65535 - 40 - 8;

// Where the UDP payload begins in a frame whose headers are those of frame.h's templates: IPv4 without options, or IPv6
// without extensions. 0: the frame is another, and can neither be joined nor cut.
size_t JoinableHeaderSize(Bytes frame);

// Two frames whose headers (of `header_size`, as above) differ in nothing but lengths, checksums and the IPv4 identification.
bool SameFlow(const uint8_t* headers, const uint8_t* others, size_t header_size);

// The headers for `payload_size` bytes of a flow, from those of any of its frames: of a joined frame from those of its first,
// of a segment from those of the joined one. `out` may be `headers`.
void WriteSegmentHeaders(const uint8_t* headers, size_t header_size, size_t payload_size,
                         uint8_t* out);

// Where the UDP checksum stands in the UDP header.
inline constexpr size_t kUdpChecksumOffset = 6;

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_FRAME_SEGMENTS_H_
