// Receives datagrams from a UDP socket of the kernel's, and writes in front of each the headers of a frame, since that
// is what a worker reads. The kernel may hand several datagrams over joined (UDP_GRO). The worker's thread.
#ifndef WARP_DATAPLANE_LCORE_PORT_UDP_SOCKET_UDP_RECEIVER_H_
#define WARP_DATAPLANE_LCORE_PORT_UDP_SOCKET_UDP_RECEIVER_H_

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>

#include "dataplane/lcore/port/joined/message_receiver.h"
#include "dataplane/os/socket_address.h"
#include "dataplane/wire/endpoint.h"
#include "dataplane/wire/frame/frame.h"

namespace warp::lcore {

class UdpReceiver final : public MessageReceiver {
 public:
  // `fd` is a UDP socket bound to `port` that tells each datagram's destination (IP_PKTINFO or IPV6_RECVPKTINFO).
  UdpReceiver(int fd, rte_mempool* pool, uint16_t port);

 private:
  // An old error of the socket's comes first, and whoever forges ICMP makes many: so often it is passed over.
  static constexpr int kTries = 4;

  using ControlRoom =
      std::array<char, CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(in_pktinfo)) +
                           CMSG_SPACE(sizeof(int))>;

  bool Read(size_t index, Message* message) override;
  bool AfterError(int error) override;
  void Prepare(size_t index);

  const uint16_t port_;
  std::array<os::SocketAddress, kMessages> froms_;
  alignas(cmsghdr) std::array<ControlRoom, kMessages> controls_;
  int errors_ = 0;
  // The headers of the last message, since the next one mostly is of the same flow.
  wire::Endpoint from_;
  wire::Endpoint to_;
  wire::FrameTemplate headers_of_flow_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_UDP_SOCKET_UDP_RECEIVER_H_
