// TCP's largest segment, made to fit the tunnel (RFC 9293 section 3.7.1; RFC 2923 section 2.2 says why). Both ends of a
// connection say in their SYN how large segments may be, as their own interfaces take them. What lies between them is
// smaller, and where the ICMP messages that would tell are lost, a connection stands still. So the SYNs that pass here
// say what passes here. Pure.
#ifndef WARP_CONTROL_GATE_TUN_PACKET_MSS_CLAMP_H_
#define WARP_CONTROL_GATE_TUN_PACKET_MSS_CLAMP_H_

#include <cstddef>

#include "control/gate/tun/packet/inner_packet.h"
#include "dataplane/wire/bytes.h"

namespace warp::control {

// Only then do the others anything.
bool IsSyn(wire::Bytes packet, const InnerPacket& inner);

// Whether the packet is a SYN that asks for larger segments than an IP packet of `ip_size` bytes holds.
bool WantsLargerSegments(wire::Bytes packet, const InnerPacket& inner, size_t ip_size);

// Makes it ask for such segments, with its checksum, which must be finished. Any other packet stays as it is.
void ClampSegments(wire::MutableBytes packet, const InnerPacket& inner, size_t ip_size);

}  // namespace warp::control

#endif  // WARP_CONTROL_GATE_TUN_PACKET_MSS_CLAMP_H_
