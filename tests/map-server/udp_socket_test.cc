#include "map-server/server/udp_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace warp::map {
namespace {

// The map has one thread. An error that does not go away must not keep it.
TEST(UdpSocketTest, AnErrorThatStaysEndsTheCall) {
  const auto socket = UdpSocket::Open({wire::IpAddress::V4({127, 0, 0, 1}), 0});
  ASSERT_TRUE(socket.ok()) << socket.status();
  // What stands under its number now is no socket.
  const os::UniqueFd other(open("/dev/null", O_RDONLY | O_CLOEXEC));
  ASSERT_EQ(dup2(other.get(), (*socket)->fd()), (*socket)->fd());
  EXPECT_EQ((*socket)->Receive([](const UdpSocket::Received&) { FAIL(); }), 0u);
}

}  // namespace
}  // namespace warp::map
