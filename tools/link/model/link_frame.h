// A frame within a link, and what the kernel says about it.
#ifndef WARP_TOOLS_LINK_MODEL_LINK_FRAME_H_
#define WARP_TOOLS_LINK_MODEL_LINK_FRAME_H_

#include <cstddef>
#include <cstdint>

#include "absl/types/span.h"
#include "tools/link/model/link_options.h"

namespace warp::tools {

// What an interface leaves to whoever gets the frame, as packet sockets say it (packet(7), PACKET_VNET_HDR): a checksum
// that is still to be made, or the cutting of a joined frame. It travels with its frame. The layout is that of
// virtio_net_hdr in linux/virtio_net.h, which no C++ compiler takes. Numbers are of this machine's byte order.
struct Offload {
  static constexpr uint8_t kNeedsChecksum = 1;

  uint8_t flags = 0;
  uint8_t joining = 0;  // how the frame is to be cut; 0: it is one frame
  uint16_t header_size = 0;
  uint16_t segment_size = 0;
  uint16_t checksum_start = 0;   // what it covers begins here and ends with the frame
  uint16_t checksum_offset = 0;  // where it goes, from there

  // Whether the frame stands for several that have yet to be cut out of it (GSO). No wire carries it as it is.
  bool is_joined() const { return joining != 0; }
};
static_assert(sizeof(Offload) == 10);

// Turns over one bit of a frame, as a wire would after the sender's checksum: where the checksum is still to be made it
// is made first, so that the receiver can notice. The checksum of a joined frame stays to be made, because each of its
// parts gets its own: such a corruption passes for what was sent. `bit` counts from the frame's begin and is within it.
void CorruptFrame(Offload& offload, absl::Span<uint8_t> frame, size_t bit);

// The head of a frame in the arena. Its bytes follow.
struct LinkFrame {
  Nanos due;        // when it arrives at the far end
  LinkFrame* next;  // the one behind it in its list
  size_t span;      // bytes of the arena, with this head
  uint32_t size;    // bytes of the frame
  uint8_t copies;   // how often it arrives
  bool released;    // its bytes are free
  Offload offload;

  uint8_t* bytes() { return reinterpret_cast<uint8_t*>(this + 1); }
};

}  // namespace warp::tools

#endif  // WARP_TOOLS_LINK_MODEL_LINK_FRAME_H_
