#include "dataplane/lcore/port/udp_socket/udp_sender.h"

#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace warp::lcore {
namespace {

// Appends items to a message's ancillary data (cmsg(3)).
class Control {
 public:
  Control(char* bytes, size_t room) : bytes_(bytes), room_(room) {}

  template <typename T>
  void Add(int level, int type, const T& value) {
    auto* item = reinterpret_cast<cmsghdr*>(bytes_ + size_);
    item->cmsg_level = level;
    item->cmsg_type = type;
    item->cmsg_len = CMSG_LEN(sizeof(value));
    std::memcpy(CMSG_DATA(item), &value, sizeof(value));
    size_ += CMSG_SPACE(sizeof(value));
  }
  void GiveTo(msghdr* message) const {
    message->msg_control = bytes_;
    message->msg_controllen = std::min(size_, room_);
  }

 private:
  char* const bytes_;
  const size_t room_;
  size_t size_ = 0;
};

}  // namespace

uint16_t UdpSender::Send(rte_mbuf** frames, uint16_t count) {
  uint16_t done = 0;
  bool join = singly_ == 0;
  if (!join) --singly_;
  int tries = 0;
  refusal_ = {};
  // Each round sends frames, tries again, stops joining, or ends the call.
  while (done < count) {
    const auto burst = std::min<uint16_t>(count - done, uint16_t{FrameRuns::kFrames});
    if (!BuildRuns(frames + done, burst, join)) {
      refusal_ = {.frames = 1, .reason = wire::Drop::kTooLarge};
      return done;
    }
    const bool joined = runs_.frames_of(0) > 1;
    if (const uint16_t taken = runs_.Send(fd_, frames + done); taken > 0) {
      done = static_cast<uint16_t>(done + taken);
      tries = 0;
      if (joined) refuses_joined_.store(false, std::memory_order_relaxed);
      continue;
    }
    switch (errno) {
      case EAGAIN:   // The send buffer is full.
      case ENOBUFS:  // The queueing discipline is full, or the kernel has no memory.
      case ENOMEM:
      case ENETDOWN:  // The interface is down or gone.
      case ENODEV:
      case ENXIO:
        return done;
      case EINTR:
        continue;
      case EIO:
        if (!joined) break;
        refuses_joined_.store(true, std::memory_order_relaxed);
        StopJoining(kManyBursts);
        join = false;
        continue;
      case EINVAL:
      case EMSGSIZE:
        if (++tries < kTries && errno == EMSGSIZE) continue;
        if (!joined) break;
        tries = 0;
        StopJoining(kFewBursts);
        join = false;
        continue;
      default:
        if (++tries < kTries) continue;
        break;
    }
    refusal_ = {.frames = runs_.frames_of(0),
                .reason = errno == EMSGSIZE ? wire::Drop::kTooLarge : wire::Drop::kKernelRefused};
    return done;
  }
  return done;
}

void UdpSender::StopJoining(uint32_t bursts) { singly_ = std::max(singly_, bursts); }

// Makes messages of the frames, up to one that is no UDP datagram in a few pieces. False: the first is none.
bool UdpSender::BuildRuns(rte_mbuf* const* frames, uint16_t count, bool join) {
  runs_.Clear();
  for (uint16_t i = 0; i < count && frames[i]->nb_segs <= FrameRuns::kSegments;) {
    const size_t header_size = wire::JoinableHeaderSize(FrameRuns::FirstBytes(frames[i]));
    if (header_size == 0) break;
    const uint16_t left = join ? static_cast<uint16_t>(count - i) : uint16_t{1};
    const uint16_t length = FrameRuns::Length(frames + i, left, header_size, wire::kMaxSegments,
                                              wire::kMaxJoinedPayload);
    AddRun(frames + i, length, header_size);
    i = static_cast<uint16_t>(i + length);
  }
  return !runs_.empty();
}

// The kernel takes IPv4's structures at a socket of IPv6 too, where the datagram is IPv4's.
void UdpSender::AddRun(rte_mbuf* const* frames, uint16_t count, size_t header_size) {
  Front& front = fronts_[runs_.size()];
  const wire::FrameFlow flow = wire::FlowOf(FrameRuns::FirstBytes(frames[0]).data(), header_size);
  front.to = os::SocketAddress(flow.to);
  Control control(front.control.data(), front.control.size());
  if (flow.to.address.is_v4()) {
    in_pktinfo from{.ipi_ifindex = interface_, .ipi_spec_dst = {}, .ipi_addr = {}};
    std::memcpy(&from.ipi_spec_dst, flow.from.address.v4_bytes().data(), sizeof(from.ipi_spec_dst));
    control.Add(IPPROTO_IP, IP_PKTINFO, from);
    if (flow.traffic_class != 0) control.Add(IPPROTO_IP, IP_TOS, int{flow.traffic_class});
  } else {
    in6_pktinfo from{.ipi6_addr = {}, .ipi6_ifindex = static_cast<unsigned>(interface_)};
    std::memcpy(&from.ipi6_addr, flow.from.address.bytes().data(), sizeof(from.ipi6_addr));
    control.Add(IPPROTO_IPV6, IPV6_PKTINFO, from);
    if (flow.traffic_class != 0) control.Add(IPPROTO_IPV6, IPV6_TCLASS, int{flow.traffic_class});
  }
  if (count > 1) {
    const size_t segment = rte_pktmbuf_pkt_len(frames[0]) - header_size;
    control.Add(SOL_UDP, UDP_SEGMENT, static_cast<uint16_t>(segment));
  }
  msghdr* const message = runs_.Begin();
  message->msg_name = front.to.get();
  message->msg_namelen = front.to.size();
  control.GiveTo(message);
  runs_.End(frames, count, header_size);
}

}  // namespace warp::lcore
