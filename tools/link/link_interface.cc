#include "tools/link/link_interface.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/os/socket_options.h"

namespace warp::tools {
namespace {

// What comes while the process has to wait for a CPU: 40 ms at 1 Gbit/s, with the kernel's overhead for small frames.
constexpr int kReceiveBuffer = 16 << 20;
constexpr int kSendBuffer = 4 << 20;

bool Enable(int fd, int option) {
  const int on = 1;
  return setsockopt(fd, SOL_PACKET, option, &on, sizeof(on)) == 0;
}

// Otherwise a network card passes on only the frames for its own address.
bool ReceiveAll(int fd, unsigned index) {
  const packet_mreq all{.mr_ifindex = static_cast<int>(index), .mr_type = PACKET_MR_PROMISC};
  return setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) == 0;
}

bool Bind(int fd, unsigned index) {
  const sockaddr_ll address{.sll_family = AF_PACKET,
                            .sll_protocol = htons(ETH_P_ALL),
                            .sll_ifindex = static_cast<int>(index)};
  return bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

}  // namespace

LinkBatch::LinkBatch() : bytes_(std::make_unique_for_overwrite<uint8_t[]>(kFrames * kLargest)) {
  for (size_t i = 0; i < kFrames; ++i) {
    parts_[i][0] = {.iov_base = &offloads_[i], .iov_len = sizeof(Offload)};
    parts_[i][1] = {.iov_base = &bytes_[i * kLargest], .iov_len = kLargest};
    messages_[i].msg_hdr.msg_iov = parts_[i].data();
    messages_[i].msg_hdr.msg_iovlen = parts_[i].size();
  }
}

absl::StatusOr<LinkInterface> LinkInterface::Open(const std::string& name) {
  const unsigned index = if_nametoindex(name.c_str());
  if (index == 0) {
    return absl::NotFoundError(absl::StrCat("there is no interface \"", name, "\""));
  }
  // With protocol number 0 nothing is queued before bind, when everything is set.
  os::UniqueFd fd(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!fd && errno == EPERM) {
    return absl::PermissionDeniedError("a link needs root, or CAP_NET_RAW, to read whole frames");
  }
  if (!fd) return os::ErrnoStatus(errno, "cannot open a packet socket");
  os::EnlargeSocketBuffer(fd.get(), os::SocketBuffer::kReceive, kReceiveBuffer);
  os::EnlargeSocketBuffer(fd.get(), os::SocketBuffer::kSend, kSendBuffer);
  // The header PACKET_VNET_HDR lets a checksum that is still to be made pass as such: nobody but the sender's kernel
  // would otherwise make it.
  if (!Enable(fd.get(), PACKET_IGNORE_OUTGOING) || !Enable(fd.get(), PACKET_VNET_HDR) ||
      !ReceiveAll(fd.get(), index) || !Bind(fd.get(), index)) {
    return os::ErrnoStatus(errno, "cannot read the frames of ", name);
  }
  return LinkInterface(std::move(fd), name, index);
}

absl::StatusOr<size_t> LinkInterface::Receive(LinkBatch& batch) {
  const int count =
      recvmmsg(fd_.get(), batch.messages_.data(), LinkBatch::kFrames, MSG_DONTWAIT, nullptr);
  if (count >= 0) return static_cast<size_t>(count);
  const int error = errno;
  if (error == EAGAIN || error == EINTR) return size_t{0};
  if (error == EINVAL) {
    ++unreadable_;
    return size_t{0};
  }
  char name[IF_NAMESIZE];
  if (if_indextoname(index_, name) == nullptr) {
    return absl::UnavailableError(absl::StrCat("interface ", name_, " was removed"));
  }
  if (error != ENETDOWN) return os::ErrnoStatus(error, "cannot read the frames of ", name_);
  return size_t{0};
}

void LinkInterface::Send(absl::Span<LinkFrame* const> frames, absl::Span<bool> refused) {
  constexpr size_t kMost = 2 * LinkBatch::kFrames;
  std::array<std::array<iovec, 2>, LinkBatch::kFrames> parts;
  std::array<mmsghdr, kMost> messages;
  std::array<size_t, kMost> owner;
  size_t count = 0;
  for (size_t i = 0; i < frames.size(); ++i) {
    LinkFrame& frame = *frames[i];
    parts[i][0] = {.iov_base = &frame.offload, .iov_len = sizeof(Offload)};
    parts[i][1] = {.iov_base = frame.bytes(), .iov_len = frame.size};
    refused[i] = false;
    for (uint8_t copy = 0; copy < frame.copies; ++copy) {
      messages[count] = {};
      messages[count].msg_hdr.msg_iov = parts[i].data();
      messages[count].msg_hdr.msg_iovlen = parts[i].size();
      owner[count++] = i;
    }
  }
  for (size_t sent = 0; sent < count;) {
    const int now =
        sendmmsg(fd_.get(), &messages[sent], static_cast<unsigned>(count - sent), MSG_DONTWAIT);
    if (now > 0) {
      sent += static_cast<size_t>(now);
    } else if (errno != EINTR) {
      refused[owner[sent++]] = true;
    }
  }
}

uint64_t LinkInterface::TakeOverruns() {
  tpacket_stats stats{};
  socklen_t size = sizeof(stats);
  getsockopt(fd_.get(), SOL_PACKET, PACKET_STATISTICS, &stats, &size);
  return stats.tp_drops;
}

}  // namespace warp::tools
