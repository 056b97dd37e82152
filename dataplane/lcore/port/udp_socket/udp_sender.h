// Sends frames through a UDP socket of the kernel's, which writes its own headers: those of the frame only say whence
// and whither. Each run of neighbours (frame_runs.h) leaves as one message that the kernel cuts (UDP_SEGMENT); where
// the kernel or the interface refuses that, frames leave one by one, though still in one call. The worker's thread.
#ifndef WARP_DATAPLANE_LCORE_PORT_UDP_SOCKET_UDP_SENDER_H_
#define WARP_DATAPLANE_LCORE_PORT_UDP_SOCKET_UDP_SENDER_H_

#include <netinet/in.h>
#include <rte_mbuf.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <cstdint>

#include "dataplane/lcore/port/joined/frame_runs.h"
#include "dataplane/lcore/port/port.h"
#include "dataplane/os/socket_address.h"
#include "dataplane/wire/frame/segments.h"

namespace warp::lcore {

class UdpSender {
 public:
  // `fd` is a UDP socket of either family; one of IPv6 sends both. It stays the caller's. `interface` is the index of
  // the one that all datagrams leave by, or 0 where the socket is bound to it.
  explicit UdpSender(int fd, int interface = 0) : fd_(fd), interface_(interface) {}

  // Takes frames from the front and returns how many. The others stay the caller's: there was no room, the interface is
  // down, or refusal() says what is the matter with the first of them. Never blocks.
  uint16_t Send(rte_mbuf** frames, uint16_t count);
  const Refusal& refusal() const { return refusal_; }

  // Whether neighbours leave joined. Any thread.
  bool joins() const { return !refuses_joined_.load(std::memory_order_relaxed); }
  uint64_t packets() const { return runs_.packets(); }  // sent
  uint64_t bytes() const { return runs_.bytes(); }

 private:
  // An error may be an old one of the socket's, told by ICMP of some other datagram, and whoever forges ICMP makes
  // many. So what failed is tried this often in all before the error is taken for its own.
  static constexpr int kTries = 4;
  // How many bursts leave frame by frame after a joined message was refused: for its size or its source, or since the
  // interface or the kernel takes none at all.
  static constexpr uint32_t kFewBursts = 8, kManyBursts = 1024;

  // What a message brings along: the source address and the interface, the size of its segments, and the traffic class.
  struct Front {
    os::SocketAddress to;
    alignas(
        cmsghdr) std::array<char, CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t)) +
                                      CMSG_SPACE(sizeof(int))> control{};
  };

  bool BuildRuns(rte_mbuf* const* frames, uint16_t count, bool join);
  void AddRun(rte_mbuf* const* frames, uint16_t count, size_t header_size);
  void StopJoining(uint32_t bursts);

  const int fd_;
  const int interface_;
  std::atomic<bool> refuses_joined_{false};
  uint32_t singly_ = 0;  // bursts that are yet to leave frame by frame
  Refusal refusal_;

  std::array<Front, FrameRuns::kFrames> fronts_;
  FrameRuns runs_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_UDP_SOCKET_UDP_SENDER_H_
