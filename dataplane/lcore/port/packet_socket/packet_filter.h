// The classic BPF program in front of a packet socket. It lets in only UDP to our port, so that the kernel's other
// traffic costs us nothing. The kernel takes the tag off a frame before a packet socket sees it, and tells of it beside
// the frame, so that the program parts VLANs as well.
#ifndef WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_PACKET_FILTER_H_
#define WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_PACKET_FILTER_H_

#include <cstdint>

namespace warp::lcore {

// Which frames to our MAC address come in. None that this machine itself sends do.
struct PacketFilter {
  uint16_t port = 0;     // whole UDP datagrams to this port
  bool ethernet = true;  // false: what the socket receives begins with the IP header
  uint16_t vlan = 0;     // of this VLAN (IEEE 802.1Q); 0: without a tag
  // All frames of the VLAN, and those to groups: the kernel has no interface for it, and a companion serves it.
  bool whole_vlan = false;
};
// False, with errno: the kernel refused the filter.
bool AttachPacketFilter(int socket, const PacketFilter& filter);

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_PACKET_FILTER_H_
