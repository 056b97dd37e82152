// Options of sockets that several programs set alike.
#ifndef WARP_DATAPLANE_OS_SOCKET_OPTIONS_H_
#define WARP_DATAPLANE_OS_SOCKET_OPTIONS_H_

#include <sys/socket.h>

#include <cerrno>

namespace warp::os {

enum class SocketBuffer { kReceive, kSend };

// Asks for a socket buffer of `bytes`, which the kernel doubles for its own overhead (socket(7)). CAP_NET_ADMIN passes
// the system's limits (net.core.rmem_max and wmem_max). Without it the buffer becomes as large as they allow, and the
// call returns false with the errno of the refusal: most callers are content with that.
inline bool EnlargeSocketBuffer(int fd, SocketBuffer buffer, int bytes) {
  const bool receive = buffer == SocketBuffer::kReceive;
  const int forced = receive ? SO_RCVBUFFORCE : SO_SNDBUFFORCE;
  if (setsockopt(fd, SOL_SOCKET, forced, &bytes, sizeof(bytes)) == 0) return true;
  const int error = errno;
  setsockopt(fd, SOL_SOCKET, receive ? SO_RCVBUF : SO_SNDBUF, &bytes, sizeof(bytes));
  errno = error;
  return false;
}

}  // namespace warp::os

#endif  // WARP_DATAPLANE_OS_SOCKET_OPTIONS_H_
