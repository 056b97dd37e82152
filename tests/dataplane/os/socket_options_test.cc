#include "dataplane/os/socket_options.h"

#include <gtest/gtest.h>

#include "dataplane/os/unique_fd.h"

namespace warp::os {
namespace {

int BufferOf(int fd, int option) {
  int bytes = 0;
  socklen_t size = sizeof(bytes);
  EXPECT_EQ(getsockopt(fd, SOL_SOCKET, option, &bytes, &size), 0);
  return bytes;
}

TEST(SocketOptions, EnlargesTheBufferThatIsMeant) {
  const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_TRUE(fd);
  const int receive = BufferOf(fd.get(), SO_RCVBUF), send = BufferOf(fd.get(), SO_SNDBUF);
  const bool forced = EnlargeSocketBuffer(fd.get(), SocketBuffer::kSend, 64 << 20);
  EXPECT_GE(BufferOf(fd.get(), SO_SNDBUF), send);
  EXPECT_EQ(BufferOf(fd.get(), SO_RCVBUF), receive);
  if (forced) {
    EXPECT_EQ(BufferOf(fd.get(), SO_SNDBUF), 128 << 20);
  }
}

TEST(SocketOptions, TellsWhyTheKernelRefused) {
  EXPECT_FALSE(EnlargeSocketBuffer(-1, SocketBuffer::kReceive, 4096));
  EXPECT_EQ(errno, EBADF);
}

}  // namespace
}  // namespace warp::os
