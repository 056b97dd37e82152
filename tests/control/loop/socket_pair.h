// Two connected Unix sockets: a loop watches the near one, and the test sends on the far one.
#ifndef WARP_TESTS_CONTROL_LOOP_SOCKET_PAIR_H_
#define WARP_TESTS_CONTROL_LOOP_SOCKET_PAIR_H_

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cstddef>

#include "dataplane/os/unique_fd.h"

namespace warp::control {

struct SocketPair {
  explicit SocketPair(int type = SOCK_DGRAM | SOCK_NONBLOCK) {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds), 0);
    near = os::UniqueFd(fds[0]);
    far = os::UniqueFd(fds[1]);
  }
  void Send() { EXPECT_EQ(send(far.get(), "x", 1, 0), 1); }
  size_t Drain() {
    char byte;
    size_t n = 0;
    while (recv(near.get(), &byte, 1, MSG_DONTWAIT) == 1) ++n;
    return n;
  }
  os::UniqueFd near, far;
};

}  // namespace warp::control

#endif  // WARP_TESTS_CONTROL_LOOP_SOCKET_PAIR_H_
