// The classic BPF program in front of a packet socket. It lets in only UDP to our port, so that the kernel's other
// traffic costs us nothing.
#ifndef WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_PACKET_FILTER_H_
#define WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_PACKET_FILTER_H_

#include <cstdint>

namespace warp::lcore {

// Lets in whole UDP datagrams to `port` in untagged frames to our MAC address. Frames that the kernel itself sends stay
// out. Without `ethernet`, what the socket receives begins with the IP header. False, with errno: the kernel refused
// the filter.
bool AttachPacketFilter(int socket, uint16_t port, bool ethernet = true);

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_PACKET_FILTER_H_
