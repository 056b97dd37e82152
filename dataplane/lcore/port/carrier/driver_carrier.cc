#include "dataplane/lcore/port/carrier/driver_carrier.h"

#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "dataplane/lcore/port/joined/made_up_link.h"
#include "dataplane/os/errno_status.h"
#include "dataplane/wire/frame/segments.h"

namespace warp::lcore {
namespace {

// What may wait for the carrier, and for the worker. The former is small: it is in front of a connection that queues
// itself.
constexpr int kToCarrier = 64 * 1024;
constexpr int kFromCarrier = 256 * 1024;

}  // namespace

// --- Receiving. ---

CarrierReceiver::CarrierReceiver(int fd, rte_mempool* pool, uint16_t port)
    : MessageReceiver(fd, pool), port_(port) {
  for (size_t i = 0; i < kMessages; ++i) SetFront(i, &fronts_[i], sizeof(CarrierHeader));
}

bool CarrierReceiver::Read(size_t index, Message* message) {
  const wire::Endpoint from = fronts_[index].remote_endpoint();
  const wire::Endpoint to{.address = fronts_[index].local_address(), .port = port_};
  if (message->size > kMaxCarried || message->in_buffer < message->size ||
      from.address.is_v4() != to.address.is_v4()) {
    return false;
  }
  const wire::FrameTemplate headers = wire::MakeFrameTemplate(kRemoteMac, kSocketMac, from, to);
  message->buffer->data_off = static_cast<uint16_t>(RTE_PKTMBUF_HEADROOM - headers.size);
  // Nobody verifies the checksum of UDP.
  wire::WriteFrameHeader(headers, static_cast<uint16_t>(message->size), 0,
                         rte_pktmbuf_mtod(message->buffer, uint8_t*));
  message->size += headers.size;
  message->in_buffer += headers.size;
  return true;
}

bool CarrierReceiver::AfterError(int error) { return error == EINTR; }

// --- The port. ---

absl::StatusOr<std::unique_ptr<Port>> CarrierPort::Open(const KernelDevice& device,
                                                        const PortSpec& spec, PortId id,
                                                        rte_mempool* rx_pool) {
  if (if_nametoindex(device.interface.c_str()) == 0) {
    return absl::NotFoundError(absl::StrCat("interface ", device.interface, ": no such interface"));
  }
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) != 0)
    return os::ErrnoStatus(errno, "interface ", device.interface, ": socket of a carrier");
  os::UniqueFd own(ends[0]), others(ends[1]);
  setsockopt(own.get(), SOL_SOCKET, SO_SNDBUF, &kToCarrier, sizeof(kToCarrier));
  setsockopt(others.get(), SOL_SOCKET, SO_SNDBUF, &kFromCarrier, sizeof(kFromCarrier));
  return std::unique_ptr<Port>(
      new CarrierPort(spec, id, rx_pool, std::move(own), std::move(others)));
}

CarrierPort::CarrierPort(const PortSpec& spec, PortId id, rte_mempool* rx_pool, os::UniqueFd own,
                         os::UniqueFd others)
    : Port(spec, id, rx_pool),
      socket_(std::move(own)),
      carrier_(std::move(others)),
      receiver_(socket_.get(), rx_pool, spec.listen_port) {
  poll_fd_ = socket_.get();
  carrier_fd_ = carrier_.get();
  mac_ = kSocketMac;
  kernel_sees_frames_ = true;
  kernel_keeps_frames_ = false;
  has_link_layer_ = false;
  on_wire_ = false;  // TLS and TCP sum.
  multi_segment_tx_ = true;
}

uint16_t CarrierPort::TxBurst(rte_mbuf** packets, uint16_t count) {
  refusal_ = {};
  uint16_t done = 0;
  while (done < count) {
    runs_.Clear();
    const auto burst = std::min<uint16_t>(count - done, uint16_t{FrameRuns::kFrames});
    for (uint16_t i = 0; i < burst; ++i) {
      rte_mbuf* const frame = packets[done + i];
      const wire::Bytes first = FrameRuns::FirstBytes(frame);
      const size_t header_size =
          frame->nb_segs <= FrameRuns::kSegments ? wire::JoinableHeaderSize(first) : 0;
      if (header_size == 0 || rte_pktmbuf_pkt_len(frame) - header_size > kMaxCarried) break;
      const wire::FrameFlow flow = wire::FlowOf(first.data(), header_size);
      fronts_[i] = CarrierHeader::Of(flow.from.address, flow.to);
      runs_.Begin();
      runs_.Add(&fronts_[i], sizeof(CarrierHeader));
      runs_.End(&packets[done + i], 1, header_size);
    }
    if (runs_.empty()) {
      refusal_ = {.frames = 1, .reason = wire::Drop::kTooLarge};
      return done;
    }
    const uint16_t taken = runs_.Send(socket_.get(), packets + done);
    if (taken == 0 && errno != EINTR) return done;  // EAGAIN: the carrier is behind
    done = static_cast<uint16_t>(done + taken);
  }
  return done;
}

PortCounters CarrierPort::Counters() const {
  return {.rx_packets = receiver_.packets(),
          .rx_bytes = receiver_.bytes(),
          .rx_missed = receiver_.missed(),
          .tx_packets = runs_.packets(),
          .tx_bytes = runs_.bytes()};
}

}  // namespace warp::lcore
