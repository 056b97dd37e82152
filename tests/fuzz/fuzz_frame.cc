// Parses any Ethernet frame. Frames of strangers reach this parser first.
#include <algorithm>
#include <array>

#include "dataplane/wire/frame/frame.h"
#include "dataplane/wire/frame/segments.h"
#include "tests/fuzz/fuzz_target.h"

using namespace warp::wire;

namespace {

// The quick way must give the answer of the thorough one.
void CheckPlain(Bytes frame) {
  UdpFrame quick, thorough;
  if (!LocatePlainUdp(frame, &quick)) return;
  WARP_FUZZ_CHECK(LocateAnyUdp(frame, &thorough) == FrameKind::kUdp);
  WARP_FUZZ_CHECK(quick.from() == thorough.from() && quick.to() == thorough.to());
  WARP_FUZZ_CHECK(quick.datagram_offset == thorough.datagram_offset);
  WARP_FUZZ_CHECK(quick.datagram_size == thorough.datagram_size);
}

// Whatever lengths the headers give, the headers written for a segment must be whole and of the same flow.
void CheckSegments(Bytes frame) {
  const size_t header_size = JoinableHeaderSize(frame);
  if (header_size == 0) return;
  WARP_FUZZ_CHECK(header_size <= frame.size());
  std::array<uint8_t, 200> segment{};
  const size_t payload_size = std::min(frame.size() - header_size, segment.size() - header_size);
  WriteSegmentHeaders(frame.data(), header_size, payload_size, segment.data());
  WARP_FUZZ_CHECK(SameFlow(frame.data(), segment.data(), header_size));
  UdpFrame udp;
  WARP_FUZZ_CHECK(LocateUdp({segment.data(), header_size + payload_size}, &udp) == FrameKind::kUdp);
  WARP_FUZZ_CHECK(udp.datagram_offset == header_size && udp.datagram_size == payload_size);
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 65535) return 0;
  ParsedFrame parsed;
  if (ParseFrame({data, size}, &parsed) == FrameKind::kUdp) {
    WARP_FUZZ_CHECK(parsed.datagram_offset >= kFrameHeaderSizeV4);
    WARP_FUZZ_CHECK(size_t{parsed.datagram_offset} + parsed.datagram_size <= size);
  }
  WARP_FUZZ_CHECK(DatagramSum({data, size}) <= 0xffff);
  CheckPlain({data, size});
  CheckSegments({data, size});
  return 0;
}
