#include "dataplane/lcore/port/udp_socket/udp_receiver.h"

#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "dataplane/lcore/port/joined/made_up_link.h"

namespace warp::lcore {
namespace {

static_assert(wire::kMaxFrameHeaderSize <= RTE_PKTMBUF_HEADROOM);

template <typename T>
T ReadItem(const cmsghdr* item) {
  T value{};
  if (item->cmsg_len >= CMSG_LEN(sizeof(value)))
    std::memcpy(&value, CMSG_DATA(item), sizeof(value));
  return value;
}

// What the kernel says of a message beside its bytes.
struct Facts {
  std::optional<wire::IpAddress> to;
  int segment = 0;  // 0: it is not joined
};

Facts ReadFacts(msghdr& message) {
  Facts facts;
  for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr;
       item = CMSG_NXTHDR(&message, item)) {
    if (item->cmsg_level == SOL_UDP && item->cmsg_type == UDP_GRO) {
      facts.segment = ReadItem<int>(item);
    } else if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_PKTINFO) {
      std::array<uint8_t, 16> bytes;
      const auto info = ReadItem<in6_pktinfo>(item);
      std::memcpy(bytes.data(), &info.ipi6_addr, bytes.size());
      facts.to = wire::IpAddress::V6(bytes);
    } else if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_PKTINFO) {
      std::array<uint8_t, 4> bytes;
      const auto info = ReadItem<in_pktinfo>(item);
      std::memcpy(bytes.data(), &info.ipi_addr, bytes.size());
      facts.to = wire::IpAddress::V4(bytes);
    }
  }
  return facts;
}

}  // namespace

UdpReceiver::UdpReceiver(int fd, rte_mempool* pool, uint16_t port)
    : MessageReceiver(fd, pool), port_(port) {
  for (size_t i = 0; i < kMessages; ++i) Prepare(i);
}

// The kernel changes these fields in each call.
void UdpReceiver::Prepare(size_t index) {
  msghdr& message = header(index);
  message.msg_name = froms_[index].get();
  message.msg_namelen = os::SocketAddress::capacity();
  message.msg_control = controls_[index].data();
  message.msg_controllen = controls_[index].size();
}

bool UdpReceiver::Read(size_t index, Message* message) {
  errors_ = 0;
  const std::optional<wire::Endpoint> from = froms_[index].ToEndpoint();
  const Facts facts = ReadFacts(header(index));
  Prepare(index);
  if (!from || !facts.to || from->address.is_v4() != facts.to->is_v4() || facts.segment < 0) {
    return false;
  }
  const wire::Endpoint to{.address = *facts.to, .port = port_};
  if (*from != from_ || to != to_) {
    from_ = *from;
    to_ = to;
    headers_of_flow_ = wire::MakeFrameTemplate(kRemoteMac, kSocketMac, from_, to_);
  }
  message->segment = static_cast<size_t>(facts.segment);
  // The headers of a joined message are those of its first datagram. Nobody verifies the checksum of UDP, as the kernel
  // has done so.
  const size_t first =
      facts.segment > 0 ? std::min(message->segment, message->size) : message->size;
  const size_t header_size = headers_of_flow_.size;
  message->buffer->data_off = static_cast<uint16_t>(RTE_PKTMBUF_HEADROOM - header_size);
  wire::WriteFrameHeader(headers_of_flow_, static_cast<uint16_t>(first), 0,
                         rte_pktmbuf_mtod(message->buffer, uint8_t*));
  message->size += header_size;
  message->in_buffer += header_size;
  return true;
}

bool UdpReceiver::AfterError(int error) {
  if (error == EAGAIN) return false;
  errors_ = (errors_ + 1) % kTries;
  return errors_ > 0;
}

}  // namespace warp::lcore
