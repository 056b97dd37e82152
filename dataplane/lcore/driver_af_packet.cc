#include "dataplane/lcore/driver_af_packet.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <rte_mbuf.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "dataplane/lcore/device.h"
#include "dataplane/lcore/eal_log.h"
#include "dataplane/lcore/rooms.h"

namespace warp::lcore {
namespace {

// Slots of the driver's ring each way: 68 ms at 60,000 frames a second, for a worker that was
// descheduled. With large frames fewer, within the memory below.
constexpr uint32_t kMaxFrames = 4096;
constexpr uint32_t kMinFrames = 256;
constexpr uint32_t kMaxRingBytes = 32 * 1024 * 1024;

// The kernel allocates the ring in blocks of whole pages; the driver takes it for contiguous, so
// slots must fill blocks.
constexpr uint32_t kBlockBytes = 256 * 1024;

// What the kernel charges a sent frame beyond its bytes: the sk_buff, its head, and room to spare.
constexpr uint32_t kSkbOverhead = 2048;

uint32_t FramesPerBlock(uint32_t frame_size) {
  constexpr uint32_t kSlotsPerPages = 4096 / 512;  // a slot is a multiple of 512 bytes
  return std::max(kBlockBytes / (frame_size * kSlotsPerPages), 1u) * kSlotsPerPages;
}

// Accepts UDP to `port` on this very interface: to our MAC address, without VLAN tag, not a
// fragment. What the kernel itself sends passes here too, and is no host packet.
// (PACKET_IGNORE_OUTGOING has no effect on the driver's sockets, which belong to a fanout group.)
class Filter {
 public:
  explicit Filter(uint16_t port) {
    constexpr uint32_t kPacketType = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_PKTTYPE);
    constexpr uint32_t kVlanTagged = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT);
    constexpr uint32_t kIp = ETH_HLEN;
    Load(BPF_B | BPF_ABS, kPacketType);
    DropUnless(PACKET_HOST);
    Load(BPF_B | BPF_ABS, kVlanTagged);
    DropUnless(0);
    Load(BPF_H | BPF_ABS, offsetof(ethhdr, h_proto));
    const size_t is_v6 = Jump(BPF_JEQ, ETH_P_IPV6);
    DropUnless(ETH_P_IP);
    Load(BPF_B | BPF_ABS, kIp + 9);
    DropUnless(IPPROTO_UDP);
    Load(BPF_H | BPF_ABS, kIp + 6);
    DropIfAnyOf(0x3fff);                                           // more fragments, or an offset
    program_[size_++] = BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, kIp);  // X = header length
    Load(BPF_H | BPF_IND, kIp + 2);
    DropUnless(port);
    Return(UINT32_MAX);
    program_[is_v6].jt = static_cast<uint8_t>(size_ - is_v6 - 1);
    Load(BPF_B | BPF_ABS, kIp + 6);
    DropUnless(IPPROTO_UDP);
    Load(BPF_H | BPF_ABS, kIp + 40 + 2);
    DropUnless(port);
    Return(UINT32_MAX);
  }

  bool Attach(int socket) {
    const sock_fprog program{static_cast<unsigned short>(size_), program_.data()};
    return setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0;
  }

 private:
  void Load(uint16_t how, uint32_t at) {
    program_[size_++] = BPF_STMT(static_cast<uint16_t>(BPF_LD | how), at);
  }
  void Return(uint32_t bytes) { program_[size_++] = BPF_STMT(BPF_RET | BPF_K, bytes); }
  size_t Jump(uint16_t test, uint32_t value) {
    program_[size_] = BPF_JUMP(static_cast<uint16_t>(BPF_JMP | BPF_K | test), value, 0, 0);
    return size_++;
  }
  void DropUnless(uint32_t value) {
    program_[Jump(BPF_JEQ, value)].jt = 1;
    Return(0);
  }
  void DropIfAnyOf(uint32_t bits) {
    program_[Jump(BPF_JSET, bits)].jf = 1;
    Return(0);
  }

  std::array<sock_filter, 40> program_{};
  size_t size_ = 0;
};

absl::Status CheckRawSockets() {
  const int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (fd >= 0) {
    close(fd);
    return absl::OkStatus();
  }
  if (errno == EPERM || errno == EACCES) {
    return absl::PermissionDeniedError("a raw socket needs root, or CAP_NET_RAW");
  }
  return absl::UnavailableError(absl::StrCat("raw socket: ", std::strerror(errno)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Port>> AfPacketPort::Open(const PortSpec& spec, PortId id,
                                                         rte_mempool* rx_pool) {
  absl::StatusOr<int> interface = EthernetInterface(spec.device);
  if (!interface.ok()) return interface.status();
  if (absl::Status status = CheckRawSockets(); !status.ok()) return status;

  std::unique_ptr<AfPacketPort> port(new AfPacketPort(spec, id, rx_pool));
  if (absl::Status status = port->PlugIn(*interface); !status.ok()) return status;
  return port;
}

absl::Status AfPacketPort::PlugIn(int interface) {
  kernel_sees_frames_ = true;
  frame_size_ = FrameSlot(spec_.mtu);
  const uint32_t per_block = FramesPerBlock(frame_size_);
  absl::StatusOr<uint16_t> device = absl::UnavailableError("");
  // The kernel may not have that much memory in one piece: a smaller ring serves as well, for
  // shorter stalls. Whatever else is wrong would only be wrong again.
  const auto wants_less = [&device] {
    return absl::StrContains(device.status().message(), "_RING") ||
           absl::StrContains(device.status().message(), "mmap");
  };
  for (uint32_t frames = std::min(kMaxFrames, kMaxRingBytes / frame_size_); frames >= kMinFrames;
       frames /= 2) {
    frame_count_ = std::max(frames / per_block, 1u) * per_block;
    device = PlugDevice("vdev", NewDeviceName("net_af_packet"),
                        absl::StrCat("iface=", spec_.device, ",blocksz=", per_block * frame_size_,
                                     ",framesz=", frame_size_, ",framecnt=", frame_count_,
                                     ",qpairs=1,qdisc_bypass=1"));
    if (device.ok() || !wants_less()) break;
  }
  if (!device.ok()) {
    return absl::Status(device.status().code(),
                        absl::StrCat("interface ", spec_.device, ": ", device.status().message()));
  }
  Adopt(*device, /*owned=*/true);
  if (absl::Status status = TakeSocket(interface); !status.ok()) return status;
  if (absl::Status status = Start(); !status.ok()) return status;
  Drain();
  return absl::OkStatus();
}

absl::Status AfPacketPort::TakeSocket(int interface) {
  for (int fd : SocketsOfDomain(AF_PACKET)) {
    sockaddr_ll address{};
    socklen_t size = sizeof(address);
    int version = -1;
    socklen_t version_size = sizeof(version);
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0 &&
        address.sll_ifindex == interface &&
        getsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, &version_size) == 0 &&
        version == TPACKET_V2) {
      poll_fd_ = fd;
    }
  }
  if (poll_fd_ < 0) {
    return absl::UnavailableError(
        absl::StrCat("interface ", spec_.device, " changed while it was opened"));
  }
  fcntl(poll_fd_, F_SETFD, FD_CLOEXEC);  // hooks must not inherit it

  // When all slots are in the kernel's hands the driver waits in poll(fd, POLLOUT) without a limit,
  // unless less than half of the send buffer is in use: so large that all slots are less than half.
  // The kernel doubles what it is told.
  const int bytes = static_cast<int>(frame_count_ * (frame_size_ + kSkbOverhead));
  if (setsockopt(poll_fd_, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) != 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("interface ", spec_.device, ": a large send buffer needs CAP_NET_ADMIN"));
  }
  if (!Filter(spec_.listen_port).Attach(poll_fd_)) {
    return absl::UnavailableError(
        absl::StrCat("interface ", spec_.device, ": packet filter: ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

// Frees what was queued before there was a filter. No more than the ring held then; what is ours
// comes again.
void AfPacketPort::Drain() {
  std::array<rte_mbuf*, 32> burst;
  for (uint32_t seen = 0; seen < frame_count_;) {
    const uint16_t count = RxBurst(burst.data(), burst.size());
    if (count == 0) return;
    rte_pktmbuf_free_bulk(burst.data(), count);
    seen += count;
  }
}

PortCounters AfPacketPort::Counters() const {
  PortCounters counters = Port::Counters();
  tpacket_stats stats{};
  socklen_t size = sizeof(stats);
  if (getsockopt(poll_fd_, SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0) {
    missed_ += stats.tp_drops;
  }
  counters.rx_missed += missed_;
  return counters;
}

}  // namespace warp::lcore
