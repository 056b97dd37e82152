// How a packet is marked. Pure.
#ifndef WARP_CONTROL_GATE_TUN_PACKET_PACKET_MARK_H_
#define WARP_CONTROL_GATE_TUN_PACKET_PACKET_MARK_H_

#include <cstddef>
#include <cstdint>

#include "dataplane/wire/byte_order.h"
#include "dataplane/wire/bytes.h"

namespace warp::control {

// The DSCP of an IP packet (RFC 2474), or with `ethernet` of that in a frame without VLAN tag; 0 of anything else.
inline uint8_t DscpOf(wire::Bytes packet, bool ethernet) {
  constexpr size_t kEthernetHeader = 14, kType = 12;
  if (ethernet) {
    if (packet.size() < kEthernetHeader) return 0;
    const uint16_t type = wire::ReadAs<wire::Be16>(packet.data() + kType).value();
    if (type != 0x0800 && type != 0x86dd) return 0;
    packet = packet.subspan(kEthernetHeader);
  }
  if (packet.size() < 2) return 0;
  switch (packet[0] >> 4) {
    case 4:
      return packet[1] >> 2;
    case 6:  // the traffic class is bits 4 to 11
      return static_cast<uint8_t>((packet[0] & 0x0f) << 2 | packet[1] >> 6);
    default:
      return 0;
  }
}

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_TUN_PACKET_PACKET_MARK_H_
