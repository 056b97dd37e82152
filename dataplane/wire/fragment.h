// How a payload that exceeds one datagram is cut. This is arithmetic only; whoever seals the pieces uses it.
//
// All pieces get about the same size instead of being filled, so that none is much smaller than the others and the
// network treats them alike. They take consecutive counters of one session, in the order of their indices.
#ifndef WARP_DATAPLANE_WIRE_FRAGMENT_H_
#define WARP_DATAPLANE_WIRE_FRAGMENT_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "dataplane/wire/constants.h"
#include "dataplane/wire/message.h"

namespace warp::wire {

struct FragmentPlan {
  uint8_t count = 0;   // 2..kMaxFragments
  uint16_t chunk = 0;  // bytes of payload in each fragment but the last
  size_t size = 0;     // of the whole payload

  // Where fragment `index` begins in the payload, and its size.
  size_t OffsetOf(uint8_t index) const { return size_t{index} * chunk; }
  size_t SizeOf(uint8_t index) const {
    return index + 1 < count ? size_t{chunk} : size - OffsetOf(index);
  }
  FragmentHeader HeaderOf(uint8_t index, uint16_t tunnel_id, const Flow& flow = {}) const {
    return {.tunnel_id = tunnel_id, .flow = flow, .index = index, .count = count, .chunk = chunk};
  }
  SequencedFragmentHeader HeaderOf(uint8_t index, const SequencedHeader& payload) const {
    return {.payload = payload, .index = index, .count = count, .chunk = chunk};
  }
};

// Whether a payload goes as one piece into a plaintext of at most `max_plaintext` bytes, of which `header` are those of
// its inner header (kSequencedHeaderSize where it is sequenced).
constexpr bool FitsUnfragmented(size_t payload_size, size_t max_plaintext,
                                size_t header = kInnerHeaderSize) {
  return payload_size + header <= max_plaintext;
}

// `max_plaintext` bytes may be sealed into one datagram, inner header included: `header` bytes of it
// (kSequencedFragmentHeaderSize where the payload is sequenced). nullopt where the payload exceeds
// kMaxPayloadSize or would need more than kMaxFragments pieces (both are Drop::kTooLarge), or is too small to be cut.
constexpr std::optional<FragmentPlan> PlanFragments(size_t payload_size, size_t max_plaintext,
                                                    size_t header = kFragmentHeaderSize) {
  if (payload_size < 2 || payload_size > kMaxPayloadSize) return std::nullopt;
  if (max_plaintext <= header) return std::nullopt;
  const size_t room = max_plaintext - header;
  size_t count = (payload_size + room - 1) / room;
  if (count < 2) count = 2;
  if (count > kMaxFragments) return std::nullopt;
  const size_t chunk = (payload_size + count - 1) / count;
  return FragmentPlan{.count = static_cast<uint8_t>(count),
                      .chunk = static_cast<uint16_t>(chunk),
                      .size = payload_size};
}

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_FRAGMENT_H_
