// How much a port's socket may hold, whatever its kind.
#ifndef WARP_DATAPLANE_LCORE_PORT_SOCKET_BUFFERS_H_
#define WARP_DATAPLANE_LCORE_PORT_SOCKET_BUFFERS_H_

namespace warp::lcore {

// Holds what arrives while the worker is descheduled: some 8,000 frames of 1,500 bytes that came one by one.
inline constexpr int kReceiveBuffer = 16 * 1024 * 1024;
// Covers what lies in the interface's own queue. The port refuses what goes beyond it, which is better than a longer
// queue.
inline constexpr int kSendBuffer = 2 * 1024 * 1024;

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_SOCKET_BUFFERS_H_
