// An application on the loopback interface. It has a UDP socket, as unmodified programs do, which never blocks.
#ifndef WARP_TESTS_CONTROL_GATE_UDP_APPLICATION_H_
#define WARP_TESTS_CONTROL_GATE_UDP_APPLICATION_H_

#include <gtest/gtest.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "dataplane/os/socket_address.h"
#include "dataplane/os/socket_options.h"
#include "dataplane/os/unique_fd.h"
#include "dataplane/wire/endpoint.h"

namespace warp::control {

class UdpApplication {
 public:
  // `address` may have port 0; the kernel then chooses one. `interface`: the index of that of a link-local address.
  explicit UdpApplication(const wire::Endpoint& address, uint32_t interface = 0) {
    os::SocketAddress local(address, interface);
    fd_ = os::UniqueFd(socket(local.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    os::EnlargeSocketBuffer(fd_.get(), os::SocketBuffer::kReceive, 4 << 20);
    EXPECT_EQ(bind(fd_.get(), local.get(), local.size()), 0) << address.ToString();
    socklen_t length = os::SocketAddress::capacity();
    EXPECT_EQ(getsockname(fd_.get(), local.get(), &length), 0);
    local_ = *local.ToEndpoint();
  }

  const wire::Endpoint& local() const { return local_; }
  int fd() const { return fd_.get(); }

  bool Send(const wire::Endpoint& to, const std::string& payload) {
    const os::SocketAddress address(to);
    return sendto(fd_.get(), payload.data(), payload.size(), 0, address.get(), address.size()) ==
           static_cast<ssize_t>(payload.size());
  }
  // Sends many datagrams of `segment` bytes with one system call.
  bool SendSegmented(const wire::Endpoint& to, const std::string& payloads, int segment) {
    setsockopt(fd_.get(), SOL_UDP, UDP_SEGMENT, &segment, sizeof(segment));
    const bool sent = Send(to, payloads);
    const int off = 0;
    setsockopt(fd_.get(), SOL_UDP, UDP_SEGMENT, &off, sizeof(off));
    return sent;
  }
  // Returns all datagrams that have arrived, and stores the sender of the last one in `from`.
  std::vector<std::string> Receive() {
    std::vector<std::string> payloads;
    std::string buffer(1 << 16, '\0');
    while (true) {
      os::SocketAddress address;
      socklen_t length = os::SocketAddress::capacity();
      const ssize_t size =
          recvfrom(fd_.get(), buffer.data(), buffer.size(), 0, address.get(), &length);
      if (size < 0) return payloads;
      payloads.push_back(buffer.substr(0, static_cast<size_t>(size)));
      from = *address.ToEndpoint();
    }
  }
  wire::Endpoint from;

 private:
  os::UniqueFd fd_;
  wire::Endpoint local_;
};

}  // namespace warp::control

#endif  // WARP_TESTS_CONTROL_GATE_UDP_APPLICATION_H_
