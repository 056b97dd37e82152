// What control calls a packet that it submitted, so that it knows the reports about it. The dataplane carries the
// ticket and reads nothing into it.
#ifndef WARP_DATAPLANE_WIRE_SLOT_TICKET_H_
#define WARP_DATAPLANE_WIRE_SLOT_TICKET_H_

#include <cstdint>

namespace warp::wire {

// These are two 32-bit fields so that one 8-byte load can be forwarded from the store buffer. With narrower stores or
// mixed widths the load would stall behind the payload's copy, about 300 ns (docs/decisions.md, *store forwarding*).
struct SlotTicket {
  // The tunnel's index in the upper half, and the index among the tunnel's slots in the lower.
  uint32_t slot = 0;
  // Counts the packets that had the slot before, so that a late report of an old packet is told from one of the packet
  // that has the slot now.
  uint32_t generation = 0;

  static constexpr SlotTicket Of(uint16_t tunnel, uint16_t index, uint32_t generation) {
    return {.slot = (uint32_t{tunnel} << 16) | index, .generation = generation};
  }
  constexpr uint16_t tunnel() const { return static_cast<uint16_t>(slot >> 16); }
  constexpr uint16_t index() const { return static_cast<uint16_t>(slot); }

  friend bool operator==(const SlotTicket&, const SlotTicket&) = default;
};

static_assert(sizeof(SlotTicket) == 8 && alignof(SlotTicket) == 4);

}  // namespace warp::wire

#endif  // WARP_DATAPLANE_WIRE_SLOT_TICKET_H_
