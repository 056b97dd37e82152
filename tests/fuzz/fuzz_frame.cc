// Any Ethernet frame: the first thing that looks at what strangers send.
#include "dataplane/wire/frame.h"
#include "tests/fuzz/fuzz_target.h"

using namespace warp::wire;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 65535) return 0;
  ParsedFrame parsed;
  if (ParseFrame({data, size}, &parsed) == FrameKind::kUdp) {
    WARP_FUZZ_CHECK(parsed.datagram_offset >= kFrameHeaderSizeV4);
    WARP_FUZZ_CHECK(size_t{parsed.datagram_offset} + parsed.datagram_size <= size);
  }
  WARP_FUZZ_CHECK(DatagramSum({data, size}) <= 0xffff);
  return 0;
}
