// Ports on kernel interfaces. They are the ends of a veth link in a network namespace of this process.
#ifndef WARP_TESTS_DATAPLANE_LCORE_PORT_PORT_KERNEL_FIXTURE_H_
#define WARP_TESTS_DATAPLANE_LCORE_PORT_PORT_KERNEL_FIXTURE_H_

#include <arpa/inet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "tests/dataplane/lcore/port/port_fixture.h"

namespace warp::lcore {

class PortKernelTest : public PortTest, public testing::WithParamInterface<KernelDriver> {
 protected:
  void SetUp() override {
    if (!private_network) GTEST_SKIP() << "needs the right to make a network namespace";
    Ip("link set lo up");
    MakeLink();
  }
  void TearDown() override {
    if (if_nametoindex("w0") != 0) Ip("link del w0");
  }

  static void Ip(const std::string& arguments) {
    ASSERT_EQ(std::system(absl::StrCat("ip ", arguments).c_str()), 0) << arguments;
  }
  // w0 is end 0, and the kernel has no address for it. w1 is end 1, and the kernel has its address.
  static void MakeLink(int mtu = 1500) {
    Ip("link add w0 type veth peer name w1");
    for (const char* end : {"w0", "w1"}) Ip(absl::StrCat("link set ", end, " mtu ", mtu, " up"));
    Ip("address add 10.9.0.2/24 dev w1");
  }

  std::unique_ptr<Port> OpenEnd(PortId end, uint16_t mtu = 1500) {
    return Open(KernelDevice{absl::StrCat("w", end), GetParam()}, end, mtu);
  }
  void OpenBoth() {
    a_ = OpenEnd(0);
    b_ = OpenEnd(1);
    ASSERT_NE(a_, nullptr);
    ASSERT_NE(b_, nullptr);
  }

  // Opens a datagram socket of the kernel that is bound to w1's address.
  static int KernelSocket(uint16_t port) {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {inet_addr("10.9.0.2")}};
    EXPECT_EQ(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    return fd;
  }
  static bool IsReadable(int fd, int ms) {
    pollfd waiting{fd, POLLIN, 0};
    return poll(&waiting, 1, ms) == 1 && (waiting.revents & POLLIN) != 0;
  }
  static size_t OpenDescriptors() {
    size_t count = 0;
    for ([[maybe_unused]] const auto& fd : std::filesystem::directory_iterator("/proc/self/fd"))
      ++count;
    return count;
  }

  std::unique_ptr<Port> a_, b_;
};

}  // namespace warp::lcore

#endif  // WARP_TESTS_DATAPLANE_LCORE_PORT_PORT_KERNEL_FIXTURE_H_
