#include "dataplane/lcore/port/packet_socket/segment_sender.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "dataplane/lcore/port/vlan/vlan_tag.h"
#include "dataplane/wire/frame/segments.h"

namespace warp::lcore {
namespace {

constexpr Refusal kTooLarge = {.frames = 1, .reason = wire::Drop::kTooLarge};

sockaddr_ll Protocol(int interface, uint16_t type) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(type);
  address.sll_ifindex = interface;
  return address;
}

}  // namespace

SegmentSender::SegmentSender(int fd, uint16_t mtu, int plain_ip, uint16_t vlan)
    : fd_(fd),
      vlan_(vlan),
      link_size_(vlan != 0       ? size_t{kVlanTagAt}
                 : plain_ip != 0 ? wire::kEthernetHeaderSize
                                 : 0),
      tagged_(vlan != 0 ? kTaggedLink : 0),
      v4_(Protocol(plain_ip, ETH_P_IP)),
      v6_(Protocol(plain_ip, ETH_P_IPV6)),
      mtu_(mtu) {}

uint16_t SegmentSender::Send(rte_mbuf** frames, uint16_t count) {
  uint16_t done = 0;
  bool join = singly_ == 0;
  if (!join) --singly_;
  join = join && most_frames_.load(std::memory_order_relaxed) > 1;
  // EINVAL may be an old error of the socket, which the call takes off it without sending. So the first one is tried
  // again.
  bool told = false;
  refusal_ = {};
  // Each round sends frames, stops joining, takes an old error off the socket, or ends the call.
  while (done < count) {
    BuildRuns(frames + done, std::min<uint16_t>(count - done, uint16_t{FrameRuns::kFrames}), join);
    if (runs_.empty()) {
      refusal_ = kTooLarge;
      return done;
    }
    const bool joined = runs_.frames_of(0) > 1;
    if (const uint16_t taken = runs_.Send(fd_, frames + done); taken > 0) {
      done = static_cast<uint16_t>(done + taken);
      if (joined) {
        next_singly_ = kFewBursts;
        kernel_refuses_.store(false, std::memory_order_relaxed);
      }
      continue;
    }
    switch (errno) {
      case EINTR:
        continue;
      case EINVAL:
        if (!std::exchange(told, true)) continue;
        if (!joined) {
          refusal_ = kTooLarge;
          return done;
        }
        join = false;
        StopJoining(EINVAL);
        continue;
      case ENOBUFS:  // There is no room, or the interface has no carrier or a full queue.
        if (!joined) {
          singly_ = 0;  // Joining was not the reason.
          next_singly_ = std::max(next_singly_ / 2, kFewBursts);
          return done;
        }
        join = false;
        StopJoining(ENOBUFS);
        continue;
      case EMSGSIZE:
        refusal_ = kTooLarge;
        return done;
      default:  // The send buffer is full, or the interface is down or gone.
        return done;
    }
  }
  return done;
}

// Called where the kernel knows no joined frames, or has no room for one at the moment.
void SegmentSender::StopJoining(int error) {
  if (error == EINVAL) kernel_refuses_.store(true, std::memory_order_relaxed);
  singly_ = error == ENOBUFS ? next_singly_ : kManyBursts;
  next_singly_ = std::min(next_singly_ * 2, kManyBursts);
}

// Makes messages of the frames, up to one that cannot be sent at all.
void SegmentSender::BuildRuns(rte_mbuf* const* frames, uint16_t count, bool join) {
  runs_.Clear();
  const uint32_t largest =
      uint32_t{mtu_.load(std::memory_order_relaxed)} + wire::kEthernetHeaderSize;
  for (uint16_t i = 0; i < count && frames[i]->nb_segs <= FrameRuns::kSegments;) {
    const bool joins = join && rte_pktmbuf_pkt_len(frames[i]) <= largest;
    const size_t header_size =
        joins ? wire::JoinableHeaderSize(FrameRuns::FirstBytes(frames[i])) : 0;
    const uint16_t length =
        header_size == 0 ? uint16_t{1} : RunLength(frames + i, count - i, header_size);
    AddRun(frames + i, length, header_size);
    i = static_cast<uint16_t>(i + length);
  }
}

// How many frames, from the first on, can leave as one.
uint16_t SegmentSender::RunLength(rte_mbuf* const* frames, uint16_t count,
                                  size_t header_size) const {
  const size_t limit = most_bytes_.load(std::memory_order_relaxed);
  const size_t payload = std::min(wire::kMaxJoinedPayload,
                                  limit - std::min(limit, header_size + tagged_ - link_size_ + 1));
  return FrameRuns::Length(frames, count, header_size, most_frames_.load(std::memory_order_relaxed),
                           payload);
}

void SegmentSender::AddRun(rte_mbuf* const* frames, uint16_t count, size_t header_size) {
  Front& front = fronts_[runs_.size()];
  front.offload = {};
  msghdr* const message = runs_.Begin();
  runs_.Add(&front.offload, sizeof(front.offload));
  if (link_size_ > 0) PutLink(frames[0], message, &front);
  if (count == 1) {
    runs_.End(frames, count, link_size_);
    return;
  }
  // The joined frame has headers for all.
  runs_.Add(front.headers.data() + link_size_, header_size - link_size_);
  const size_t payload = runs_.End(frames, count, header_size);
  wire::WriteSegmentHeaders(FrameRuns::FirstBytes(frames[0]).data(), header_size, payload,
                            front.headers.data());
  front.offload.flags = OffloadHeader::kNeedsChecksum;
  front.offload.kind = OffloadHeader::kUdpSegments;
  const size_t headers_size = header_size - link_size_ + tagged_;
  front.offload.headers_size = static_cast<uint16_t>(headers_size);
  front.offload.segment_size = static_cast<uint16_t>(rte_pktmbuf_pkt_len(frames[0]) - header_size);
  front.offload.checksum_start = static_cast<uint16_t>(headers_size - 8);
  front.offload.checksum_offset = wire::kUdpChecksumOffset;
}

// What stands for the first link_size_ bytes of all frames of a message.
void SegmentSender::PutLink(const rte_mbuf* frame, msghdr* message, Front* front) {
  const wire::Bytes bytes = FrameRuns::FirstBytes(frame);
  if (vlan_ != 0) {
    std::copy_n(bytes.data(), link_size_, front->link.data());
    WriteVlanTag(vlan_, front->link.data() + link_size_);
    runs_.Add(front->link.data(), front->link.size());
    return;
  }
  const bool v6 = bytes[link_size_] >> 4 == 6;
  message->msg_name = v6 ? &v6_ : &v4_;
  message->msg_namelen = sizeof(v4_);
}

}  // namespace warp::lcore
