// Cuts what the kernel hands out into packets that can travel alone (journey out, step 1): a super-packet becomes its
// segments, and a checksum that was left unfinished is finished. As the kernel would do it for a device without
// offloads (Linux Documentation/networking/segmentation-offloads.rst):
//
//   read      [virtio | IP TCP | aaaa bbbb cc]        segment size 4
//   payloads  [IP TCP | aaaa] [IP TCP | bbbb] [IP TCP | cc]
//
// IPv4 identifications ascend, TCP sequences advance; CWR stays on the first segment, PSH and FIN on the last one.
//
// The header is not believed: what contradicts the packet is a drop with a name. Pure; any one thread.
#ifndef WARP_CONTROL_GATE_TUN_PACKET_SEGMENTER_H_
#define WARP_CONTROL_GATE_TUN_PACKET_SEGMENTER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "control/gate/tun/packet/inner_packet.h"
#include "control/gate/tun/packet/offload_header.h"
#include "dataplane/wire/bytes.h"
#include "dataplane/wire/drop.h"

namespace warp::control {

class Segmenter {
 public:
  // As many packets are cut at a time, so that a header that asks for thousands costs no more memory than any other.
  static constexpr size_t kWindow = 64;
  // Link, IP and transport headers of a super-packet. More, with all extensions, is no packet of a TCP that we know.
  static constexpr size_t kMaxHeaders = 256;

  explicit Segmenter(Layer layer) : layer_(layer), room_(new uint8_t[kRoom]) {}

  // Takes what one read brought; all of the one before must have been consumed. `packet` stays where it is until then,
  // and its checksum is finished in place.
  //   kNone        there are packets
  //   kBadPacket   it is no packet of this layer
  //   kBadOffload  the header contradicts it
  wire::Drop Take(const OffloadHeader& offload, wire::MutableBytes packet);

  // Of the packet taken last.
  const InnerPacket& inner() const { return inner_; }
  bool is_cut() const { return cut_; }

  // The next up to kWindow packets, in order; empty: all were consumed.
  std::span<const wire::Bytes> Next();
  void Consume(size_t packets);  // from the front of Next(), which must then be called again

 private:
  // The data of a super-packet has up to 64 KiB.
  static constexpr size_t kRoom = (size_t{1} << 16) + kWindow * kMaxHeaders;

  bool PrepareCut(const OffloadHeader& offload);
  bool FinishChecksum(const OffloadHeader& offload, wire::MutableBytes packet) const;
  void Cut();
  size_t WriteSegment(size_t size, uint8_t* out) const;

  const Layer layer_;
  const std::unique_ptr<uint8_t[]> room_;  // of the segments that were cut
  std::array<wire::Bytes, kWindow> window_;
  size_t first_ = 0, count_ = 0;  // of window_

  InnerPacket inner_;
  bool cut_ = false;
  wire::Bytes packet_;
  size_t header_ = 0;        // bytes before the data
  size_t segment_ = 0;       // bytes of data of each segment but the last
  size_t offset_ = 0;        // of the data that is not cut yet
  uint64_t pseudo_sum_ = 0;  // of what the checksum covers outside the packet, without its length
};

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_TUN_PACKET_SEGMENTER_H_
