// Feeds the pure part of TUN and TAP gates what a lying kernel and a hostile peer could. The input is:
//   command u8 (TAP: bit 0), offload header, packet
// The packet is taken as one out of the kernel, and what is cut from it as packets of the peer.
#include <algorithm>
#include <cstring>
#include <vector>

#include "control/gate/tun/packet/joiner.h"
#include "control/gate/tun/packet/mss_clamp.h"
#include "control/gate/tun/packet/segmenter.h"
#include "tests/fuzz/fuzz_target.h"

using namespace warp::control;
using warp::wire::Bytes;
using warp::wire::Drop;

namespace {

// What is written must be what was given, or be taken for that by the kernel: it can be cut again.
size_t Write(Joiner& joiner, Layer layer) {
  Segmenter again(layer);
  size_t written = 0;
  for (size_t run = 0; run < joiner.runs(); ++run) {
    const auto pieces = joiner.Pieces(run);
    OffloadHeader offload;
    WARP_FUZZ_CHECK(pieces.size() >= 2 && pieces[0].size() == sizeof(offload));
    std::memcpy(&offload, pieces[0].data(), sizeof(offload));
    std::vector<uint8_t> packet;
    for (const Bytes piece : pieces.subspan(1)) {
      packet.insert(packet.end(), piece.begin(), piece.end());
    }
    WARP_FUZZ_CHECK(again.Take(offload, packet) == Drop::kNone);
    size_t count = 0;
    for (auto cut = again.Next(); !cut.empty(); cut = again.Next()) {
      count += cut.size();
      again.Consume(cut.size());
    }
    WARP_FUZZ_CHECK(count == joiner.PacketsOf(run));
    written += count;
  }
  joiner.Clear();
  return written;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  OffloadHeader offload;
  if (size < 1 + sizeof(offload)) return 0;
  const Layer layer = (data[0] & 1) != 0 ? Layer::kEthernet : Layer::kIp;
  std::memcpy(&offload, data + 1, sizeof(offload));
  std::vector<uint8_t> packet(data + 1 + sizeof(offload), data + size);

  Segmenter segmenter(layer);
  Joiner joiner(layer, {});
  if (segmenter.Take(offload, packet) != Drop::kNone) {
    WARP_FUZZ_CHECK(segmenter.Next().empty());
    return 0;
  }
  if (!segmenter.is_cut()) ClampSegments(packet, segmenter.inner(), 1400);
  size_t cut = 0, added = 0, written = 0;
  // A segment of one byte would need thousands of turns.
  for (auto packets = segmenter.Next(); !packets.empty() && cut < 500; packets = segmenter.Next()) {
    WARP_FUZZ_CHECK(packets.size() <= Segmenter::kWindow);
    for (const Bytes one : packets) {
      const auto inner = ReadInnerPacket(one, layer);
      if (!inner.has_value()) continue;
      WARP_FUZZ_CHECK(inner->transport <= inner->end && inner->end <= one.size());
      joiner.Add(one, *inner);
      ++added;
    }
    cut += packets.size();
    written += Write(joiner, layer);
    segmenter.Consume(packets.size());
  }
  WARP_FUZZ_CHECK(written == added);
  return 0;
}
