// Sends frames through a packet socket, a burst in one call. Each run of neighbours (frame_runs.h) leaves joined, as
// one frame of UDP segments (wire/frame/segments.h).
//
// The interface cuts a joined frame, so that a receiver on another machine cannot tell. Where it says that it cannot
// (segmentation_watch.h) frames leave one by one, though still in one call. So they do where the kernel refuses joined
// frames, which is the only way to learn that it knows none (Linux before 6.2). The worker's thread.
#ifndef WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_SEGMENT_SENDER_H_
#define WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_SEGMENT_SENDER_H_

#include <linux/if_packet.h>
#include <rte_mbuf.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "dataplane/lcore/port/joined/frame_runs.h"
#include "dataplane/lcore/port/packet_socket/offload_header.h"
#include "dataplane/lcore/port/packet_socket/segmentation_watch.h"
#include "dataplane/lcore/port/port.h"

namespace warp::lcore {

class SegmentSender {
 public:
  // `fd` is a packet socket with PACKET_VNET_HDR, bound to an interface of this MTU. It stays the caller's. `plain_ip`
  // is the index of the interface where its frames begin with the IP header; 0: they begin with an Ethernet header.
  // Frames leave with the tag of `vlan` (IEEE 802.1Q), if that is not 0.
  SegmentSender(int fd, uint16_t mtu, int plain_ip = 0, uint16_t vlan = 0);

  // The interface's MTU has become another. Any thread.
  void SetMtu(uint16_t mtu) { mtu_.store(mtu, std::memory_order_relaxed); }
  // What joined frames the interface takes from now on; none before the first call. Any thread.
  void SetSegmentation(const Segmentation& segmentation) {
    most_bytes_.store(segmentation.bytes, std::memory_order_relaxed);
    most_frames_.store(segmentation.enabled ? segmentation.segments : 1, std::memory_order_relaxed);
  }
  // Whether neighbours leave joined. Any thread.
  bool joins() const {
    return most_frames_.load(std::memory_order_relaxed) > 1 &&
           !kernel_refuses_.load(std::memory_order_relaxed);
  }

  // Takes frames from the front and returns how many. The others stay the caller's: there was no room in the socket's
  // send buffer, or the interface is down. Never blocks. The call also ends before a lone frame that is larger than the
  // interface's MTU or in more pieces than any of ours. The kernel does not look at the size of joined frames, so that
  // those larger than the MTU stay alone.
  uint16_t Send(rte_mbuf** frames, uint16_t count);
  // Whether the last call ended before such a frame.
  const Refusal& refusal() const { return refusal_; }

  // Any thread.
  uint64_t packets() const { return runs_.packets(); }  // sent
  uint64_t bytes() const { return runs_.bytes(); }

 private:
  // How many bursts leave frame by frame after a joined frame was refused. Where room was wanting it is few at first,
  // and twice as many after each further refusal. Where the kernel knows no joined frames it is many.
  static constexpr uint32_t kFewBursts = 8, kManyBursts = 1024;

  // The MAC addresses and the tag behind them.
  static constexpr size_t kTaggedLink = 16;

  // What stands in front of the frames of one message.
  struct Front {
    OffloadHeader offload{};
    std::array<uint8_t, kTaggedLink> link;
    alignas(16) std::array<uint8_t, 64> headers;
  };

  void BuildRuns(rte_mbuf* const* frames, uint16_t count, bool join);
  uint16_t RunLength(rte_mbuf* const* frames, uint16_t count, size_t header_size) const;
  void AddRun(rte_mbuf* const* frames, uint16_t count, size_t header_size);
  void PutLink(const rte_mbuf* frame, msghdr* message, Front* front);
  void StopJoining(int error);

  const int fd_;
  const uint16_t vlan_;
  const size_t
      link_size_;  // the bytes of each frame that others replace, or that the link does not carry
  const size_t tagged_;  // the size of what replaces them
  sockaddr_ll v4_, v6_;  // what follows them where there is no Ethernet header; else unused
  std::atomic<uint16_t> mtu_;
  std::atomic<uint32_t> most_frames_{1};  // of a joined frame
  std::atomic<uint32_t> most_bytes_{0};   // its size is less
  std::atomic<bool> kernel_refuses_{false};
  // Bursts that are yet to leave frame by frame before joining is tried again.
  uint32_t singly_ = 0;
  uint32_t next_singly_ = kFewBursts;
  Refusal refusal_;

  std::array<Front, FrameRuns::kFrames> fronts_;
  FrameRuns runs_;
};

}  // namespace warp::lcore

#endif  // WARP_DATAPLANE_LCORE_PORT_PACKET_SOCKET_SEGMENT_SENDER_H_
