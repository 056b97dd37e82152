#include "dataplane/lcore/port/port.h"

#include <sys/socket.h>

namespace warp::lcore {

void Port::ClearPollError() {
  int error = 0;
  socklen_t size = sizeof(error);
  if (poll_fd_ >= 0) getsockopt(poll_fd_, SOL_SOCKET, SO_ERROR, &error, &size);
}

}  // namespace warp::lcore
