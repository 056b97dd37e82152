// What a TCP connection has cost its interface.
#ifndef WARP_CONTROL_CARRIER_TCP_VOLUME_H_
#define WARP_CONTROL_CARRIER_TCP_VOLUME_H_

#include <cstdint>

namespace warp::control {

// Bytes of IP packets, both ways, as the kernel has counted them (TCP_INFO, tcp(7)): payload, what was sent again, and
// the headers of all segments, those that only acknowledge included. 0: it does not say.
uint64_t TcpVolume(int fd, bool v6);

}  // namespace warp::control

#endif  // WARP_CONTROL_CARRIER_TCP_VOLUME_H_
