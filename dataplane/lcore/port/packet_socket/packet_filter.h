// The classic BPF program in front of a packet socket: only UDP to our port enters it, so that the kernel's other traffic
// costs us nothing.
#ifndef WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_PACKET_FILTER_H_
#define WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_PACKET_FILTER_H_

#include <cstdint>

namespace warp::lcore {

// Lets in UDP to `port` on this very interface: to our MAC address, without VLAN tag, not a fragment. What the kernel itself
// sends is no host packet. False, with errno, where the kernel refuses.
bool AttachPacketFilter(int socket, uint16_t port);

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_PACKET_FILTER_H_
